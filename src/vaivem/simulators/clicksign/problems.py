"""The vendor's errors. Two shapes: of the gate (numeric status) and of the models (status as text)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

Error = dict[str, Any]


class ProblemError(Exception):
    """An answer other than the wanted one: the status and the list under ``errors``."""

    def __init__(self, status: int, errors: list[Error]) -> None:
        super().__init__(f"{status}: {errors}")
        self.status = status
        self.errors = errors


def attribute_pointer(name: str) -> str:
    return f"/data/attributes/{name}"


def gate_error(
    status: int, code: str, detail: str, title: str | None = None, pointer: str | None = None
) -> Error:
    """What the vendor's gate says before a model is looked at."""
    error: Error = {"code": code, "status": status}
    if title:
        error["title"] = title
    if pointer:
        error["source"] = {"pointer": pointer}
    return {**error, "detail": detail}


def bad_request(pointer: str, detail: str) -> ProblemError:
    return ProblemError(400, [gate_error(400, "bad_request", detail, pointer=pointer)])


def unknown_attribute(name: str) -> ProblemError:
    return bad_request(attribute_pointer(name), f"{name} não está disponível")


def missing_attribute(name: str) -> ProblemError:
    return bad_request(attribute_pointer(name), f"{name} deve ser informado(a)")


def not_one_of(name: str, choices: Iterable[str]) -> ProblemError:
    return bad_request(attribute_pointer(name), f"{name} deve estar em: {', '.join(choices)}")


def forbidden(detail: str, title: str = "Verificação") -> ProblemError:
    return ProblemError(403, [gate_error(403, "forbidden", detail, title)])


def not_draft() -> ProblemError:
    return forbidden("envelope não está com status draft")


def unauthorized() -> ProblemError:
    return ProblemError(401, [gate_error(401, "unauthorized", "Access Token inválido", "Não autorizado")])


def unavailable() -> ProblemError:
    """The account has no envelopes; stays so until the vendor's support acts."""
    return ProblemError(503, [gate_error(503, "service_unavailable", "Serviço indisponível")])


def model_error(name: str, title: str) -> Error:
    """What a model says of one attribute."""
    return {
        "title": title,
        "detail": f"{name} - {title}",
        "code": "100",
        "source": {"pointer": attribute_pointer(name)},
        "status": "422",
    }


def unprocessable(*errors: Error) -> ProblemError:
    return ProblemError(422, list(errors))


def not_found(record_id: str) -> ProblemError:
    detail = f"O registro identificado por {record_id} não pôde ser encontrado"
    return ProblemError(
        404, [{"title": "Registro não encontrado", "detail": detail, "code": "404", "status": "404"}]
    )


def filter_not_allowed(name: str) -> ProblemError:
    error = {
        "title": "Filtro não permitido",
        "detail": f"{name} não é permitido",
        "code": "102",
        "status": "400",
    }
    return ProblemError(400, [error])


def bad_filter_value(name: str, value: str) -> ProblemError:
    detail = f"{value} não é um valor válido para {name}"
    error = {"title": "Valor de filtro inválido", "detail": detail, "code": "103", "status": "400"}
    return ProblemError(400, [error])


def sort_not_allowed(name: str) -> ProblemError:
    detail = f"{name} não é um critério de ordenação válido"
    error = {"title": "Critério de ordenação inválido", "detail": detail, "code": "114", "status": "400"}
    return ProblemError(400, [error])
