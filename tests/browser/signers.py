"""The signature tools' own pages, each used as the one who sends and those who sign use it.

An address of a page never ends with a slash. `document` is the page of one that was sent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import ClassVar

from playwright.async_api import FilePayload, expect
from typing_extensions import override

from .hands import Hands
from .test_walk import PDF

REASON = "O prazo mudou"
CPF, BIRTHDAY = "529.982.247-25", "1988-04-12"


class Signer:
    """One signature tool; its words for a recipe's pages and on its own."""

    system: ClassVar[str]  # as the screens call it
    recipe: ClassVar[str]
    tag: ClassVar[str]
    mark: ClassVar[str]
    link: ClassVar[str]  # what a link to a document holds
    sender: ClassVar[str]  # who sends; empty where the vendor does not tell
    tells_sending: ClassVar[bool]  # else a document is known as sent once somebody opens it
    ends: ClassVar[tuple[str, str, str]]  # what the person's page says of the one who signed, refused, opened
    roles: ClassVar[tuple[str, str]] = ("Cliente", "Testemunha")

    def tag_of(self, step: str) -> str:
        """Return the tag that a step gives (``Sent``)."""
        return f"{self.tag}-{self.mark}_{step}"

    async def send(self, hands: Hands, account: str, subject: str, people: Mapping[str, str]) -> str:
        """Send a document to people, e-mail by name; return its page."""
        raise NotImplementedError

    async def open(self, hands: Hands, document: str, name: str) -> None:
        """Open a document as one who received it does."""
        raise NotImplementedError

    async def sign(self, hands: Hands, document: str, name: str) -> None:
        """Open and sign."""
        raise NotImplementedError

    async def refuse(self, hands: Hands, document: str, name: str) -> None:
        """Open and refuse."""
        raise NotImplementedError


class DocuSign(Signer):
    """Documents are made of a template, with its roles."""

    system, recipe, tag, mark = "DocuSign", "envelope_to_contact", "docusign-integration", "DocuSign_Envelope"
    link, sender, tells_sending = "/documents/details/", "Júlia Prado", True

    @override
    async def send(self, hands: Hands, account: str, subject: str, people: Mapping[str, str]) -> str:
        page = hands.page
        await hands.open(f"{account}/new")
        await hands.choose(page.get_by_label("Modelo"), "Proposta comercial")
        await hands.press(page.get_by_role("button", name="Usar este modelo"))
        await hands.write(page.get_by_label("Assunto"), subject)
        for role, (name, email) in zip(self.roles, people.items(), strict=True):
            of_role = page.get_by_role("group", name=role)
            await hands.write(of_role.get_by_label("Nome", exact=True), name)
            await hands.write(of_role.get_by_label("E-mail", exact=True), email)
        await hands.press(page.get_by_role("button", name="Enviar", exact=True))
        await page.wait_for_url(re.compile(r"/documents/details/"))
        return page.url

    @override
    async def open(self, hands: Hands, document: str, name: str) -> None:
        await hands.open(document)
        await hands.press(hands.page.get_by_role("button", name=f"Abrir os documentos {name}"))
        await hands.page.wait_for_url(re.compile(r"/signing/"))

    @override
    async def sign(self, hands: Hands, document: str, name: str) -> None:
        page = hands.page
        await self.open(hands, document, name)
        for label in ("empresa", "valor"):
            field = page.get_by_label(label, exact=True)
            if await field.count():
                await hands.write(field, "1")
        await hands.press(page.get_by_role("button", name="Assinar", exact=True))
        await expect(page.get_by_text("Concluído").first).to_be_visible()

    @override
    async def refuse(self, hands: Hands, document: str, name: str) -> None:
        page = hands.page
        await self.open(hands, document, name)
        await hands.write(page.get_by_label("Motivo"), REASON)
        await hands.press(page.get_by_role("button", name="Recusar a assinatura"))
        await expect(page.get_by_text("Recusado").first).to_be_visible()


class Clicksign(Signer):
    """Documents are files; who signs proves it with a code out of the mailbox."""

    system, recipe = "Clicksign", "signed_document_to_contact"
    tag, mark = "clicksign-integration", "Clicksign_Envelope"
    link, sender, tells_sending = "/envelopes/", "", False

    @override
    async def send(self, hands: Hands, account: str, subject: str, people: Mapping[str, str]) -> str:
        page = hands.page
        await hands.open(f"{account}/documents/new")
        upload = FilePayload(name=f"{subject}.pdf", mimeType="application/pdf", buffer=PDF)
        await page.get_by_label("Arquivos").set_input_files([upload])
        await hands.press(page.get_by_role("button", name="Avançar para signatários"))
        for name, email in people.items():
            await hands.write(page.get_by_label("Nome completo"), name)
            await hands.write(page.get_by_label("E-mail", exact=True), email)
            await hands.press(page.get_by_label("Pode recusar a assinatura"))
            await hands.press(page.get_by_role("button", name="Adicionar signatário"))
            await expect(page.get_by_role("cell", name=email)).to_be_visible()
        await hands.press(page.get_by_role("button", name="Assinar", exact=True))
        await hands.press(page.get_by_role("link", name="Acompanhar envelope"))
        await page.wait_for_url(re.compile(r"/envelopes/[^/]+$"))
        return page.url

    @override
    async def open(self, hands: Hands, document: str, name: str) -> None:
        await hands.open(document)
        await hands.press(hands.page.get_by_role("link", name=f"Abrir como signatário {name}"))
        await expect(hands.page.get_by_role("heading", name="Revise e assine")).to_be_visible()

    @override
    async def sign(self, hands: Hands, document: str, name: str) -> None:
        page = hands.page
        subject = await self._subject(hands, document)
        await hands.open(f"{document.partition('/envelopes/')[0]}/mailbox")
        mails = page.get_by_role("link", name=subject)
        for number in range(await mails.count()):
            await hands.press(mails.nth(number))
            if await page.get_by_text(f"Olá, {name}.").count():
                break
            await page.go_back()
        code = await page.locator("#code").inner_text()
        await hands.press(page.get_by_role("link", name="Visualizar para assinar"))
        await hands.press(page.get_by_role("link", name="Assinar", exact=True))
        for label, text in (("CPF", CPF), ("Data de nascimento", BIRTHDAY)):
            field = page.get_by_label(label)
            if await field.count():
                await hands.write(field, text)
        await hands.press(page.get_by_role("button", name="Avançar"))
        await hands.write(page.get_by_label("token"), code)
        await hands.press(page.get_by_role("button", name="Finalizar"))
        await expect(page.get_by_text("Você assinou").first).to_be_visible()

    @override
    async def refuse(self, hands: Hands, document: str, name: str) -> None:
        page = hands.page
        await self.open(hands, document, name)
        await hands.press(page.get_by_role("link", name="Recusar"))
        await hands.write(page.get_by_label("Comentário"), REASON)
        await hands.press(page.get_by_role("button", name="Recusar"))
        await expect(page.get_by_text("Você recusou a assinatura").first).to_be_visible()

    async def _subject(self, hands: Hands, document: str) -> str:
        await hands.open(document)
        return await hands.page.get_by_role("heading", level=1).inner_text()
