"""Who calls, and what they call about again and again."""

from tests.running_api import Person, RunningApi


class People:
    account_id: int
    payee_account_id: int
    savings_id: int
    transaction_id: int
    biller_id: int
    loan_id: int
    other_biller_id: int

    def __init__(self, api: RunningApi) -> None:
        self.holder, self.payee = api.person(), api.person()
        self.teller, self.officer = api.person("teller"), api.person("loan_officer")
        self.auditor, self.compliance = api.person("auditor"), api.person("compliance")
        self.admin = api.person("admin")
        self.second_officer = api.person("loan_officer")
        self.second_compliance = api.person("compliance")

    @property
    def staff(self) -> dict[str, Person]:
        named = ("auditor", "teller", "officer", "compliance", "admin")
        people: list[Person] = [getattr(self, name) for name in named]
        return dict(
            zip(("auditor", "teller", "loan_officer", "compliance", "admin"), people, strict=True)
        )
