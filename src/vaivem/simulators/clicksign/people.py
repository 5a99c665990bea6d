"""Believable signers, as many as asked for, the same ones every time."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

from vaivem.simulators.clicksign.values import masked_cpf

_FIRST = [
    "Ana Beatriz",
    "Bruno",
    "Camila",
    "Diego",
    "Eduarda",
    "Felipe",
    "Gabriela",
    "Henrique",
    "Isabela",
    "João Pedro",
    "Juliana",
    "Leandro",
    "Larissa",
    "Marcelo",
    "Natália",
    "Otávio",
    "Patrícia",
    "Rafael",
    "Sabrina",
    "Thiago",
    "Vanessa",
    "Vinícius",
    "Yasmin",
    "Caio",
    "Letícia",
    "Gustavo",
    "Renata",
    "Rodrigo",
    "Priscila",
    "André",
]
_MIDDLE = (
    "Almeida",
    "Barbosa",
    "Cardoso",
    "Dias",
    "Esteves",
    "Ferreira",
    "Gomes",
    "Lima",
    "Martins",
    "Nogueira",
    "Oliveira",
    "Pereira",
    "Queiroz",
    "Ribeiro",
    "Souza",
    "Teixeira",
    "Vieira",
    "Xavier",
    "Moura",
    "Rocha",
)
_LAST = (
    "Araújo",
    "Batista",
    "Costa",
    "Duarte",
    "Farias",
    "Freitas",
    "Gonçalves",
    "Machado",
    "Melo",
    "Monteiro",
    "Nascimento",
    "Pinto",
    "Ramos",
    "Santana",
    "Tavares",
    "Campos",
    "Carvalho",
    "Azevedo",
    "Cunha",
)
_COMPANIES = [
    "Padaria Pão da Serra",
    "Construtora Alvorada",
    "Clínica Vida Plena",
    "Mercado Bom Preço",
    "Raiar Solar",
    "Transportes Litoral",
    "Escola Girassol",
    "Óticas Visão Clara",
    "Metalúrgica Ferro Forte",
    "Café do Cerrado",
    "Imobiliária Porto Novo",
    "Gráfica Impressa",
    "Pousada Mar Azul",
]


@dataclass(frozen=True, slots=True)
class Person:
    """A signer to be; ``documentation`` is a valid CPF, ``phone_number`` has no country code."""

    name: str
    email: str
    phone_number: str
    documentation: str
    birthday: str
    company: str


def person(number: int) -> Person:
    """The person of that number (0 or more); each has an e-mail, a CPF and a telephone of their own."""
    first = _FIRST[number % len(_FIRST)]
    # First and middle names run through all pairs while the 19 last names turn on: 11,400 different names.
    middle = _MIDDLE[(number // len(_FIRST)) % len(_MIDDLE)]
    last = _LAST[number % len(_LAST)]
    return Person(
        name=f"{first} {middle} {last}",
        email=f"{_plain(first)}.{_plain(last)}{number + 1}@cliente.example",
        phone_number=f"119{80_000_000 + number:08d}",
        documentation=masked_cpf(100_000_000 + number * 7),
        birthday=f"{1960 + number % 40}-{number % 12 + 1:02d}-{number % 28 + 1:02d}",
        company=_COMPANIES[number % len(_COMPANIES)],
    )


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(c for c in decomposed if c.isascii() and c.isalpha()).lower()
