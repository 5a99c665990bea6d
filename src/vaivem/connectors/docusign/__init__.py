"""DocuSign: envelopes, their recipients, and drafts made from templates."""
