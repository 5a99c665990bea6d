"""DocuSign's eSignature API and Connect, as a test account."""
