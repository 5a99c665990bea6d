"""Webhook: any tool that can send a request starts a rule."""
