"""The table of what was written here, which all workers of a server share."""

from api.own_writes import COLUMNS, OwnWrites, size_for


def test_a_reader_waits_for_what_it_wrote_and_for_what_was_written_to_the_account() -> None:
    table = OwnWrites.of_one_process()

    table.wrote(10, 1, 100, 200)
    table.wrote(12, 2, 300)

    assert table.position_for(1) == 10
    assert table.position_for(3, 200) == 10
    assert table.position_for(1, 300) == 12
    assert table.position_for(3, 400) == 0
    assert table.newest() == 12


def test_an_answer_that_comes_late_takes_nothing_back() -> None:
    table = OwnWrites.of_one_process()

    table.wrote(12, 1, 100)
    table.wrote(11, 1, 100)

    assert table.position_for(1, 100) == 12


def test_workers_see_what_the_others_wrote_and_ended() -> None:
    memory = bytearray(size_for(3))
    one, two, three = (OwnWrites(memory, worker=number) for number in range(3))

    one.wrote(5, 1, 100)
    two.wrote(9, 1, 100)
    two.session_ended()

    assert three.position_for(7, 100) == 9
    assert three.newest() == 9
    assert three.sessions_ended() == 1


def test_ids_that_share_a_column_wait_for_the_later_of_them() -> None:
    table = OwnWrites.of_one_process()

    table.wrote(5, 1, 100)
    table.wrote(9, 2, 100 + COLUMNS)

    assert table.position_for(8, 100) == 9


def test_what_was_answered_before_the_start_counts_for_everybody() -> None:
    table = OwnWrites.of_one_process()
    table.floor = 7

    assert table.position_for(1, 100) == 7
