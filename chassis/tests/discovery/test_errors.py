from urllib3 import HTTPResponse

from chassis.discovery.registry.errors import Problems, Refused


def refused(status: int, said: bytes = b"no") -> Refused:
    return Refused(HTTPResponse(said, status=status))


def test_a_refusal_contains_the_answer_of_the_registry() -> None:
    assert str(refused(500, b"No cluster leader\n")) == "500 No cluster leader"
    assert len(str(refused(500, b"x" * 1000))) == 204


def test_each_kind_of_problem_is_new_once() -> None:
    problems = Problems()

    assert problems.is_new(OSError("refused"))
    assert not problems.is_new(OSError("broken off"))
    assert problems.is_new(refused(500))
    assert problems.is_new(refused(403))
    assert not problems.is_new(refused(500))


def test_a_problem_that_ended_is_new_again() -> None:
    problems = Problems()
    assert not problems.end()

    problems.is_new(refused(403))
    assert problems.end()
    assert not problems.end()
    assert problems.is_new(refused(403))
