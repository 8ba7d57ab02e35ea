"""How long each of the suite's tests may take, in which order they run, and what the short selection has of them.

Why a test does not run at all, expected.toml says.
"""
import fnmatch

from suite.expected import names

NOT_SHORT = "not in the short selection"

# How long a test may take, with all that it waits for itself; the others SECONDS.
SECONDS = 30
SECONDS_OF = {
    "test_canvas.py::test_chord::test_chain_to_a_chord_with_large_header": 120,
    "test_canvas.py::test_chord::test_large_header": 90,
    "test_canvas.py::test_chord::test_generator": 60,
    "test_canvas.py::test_chord::test_nested_chord_header_link_error": 90,
    "test_canvas.py::test_chord::test_enabling_flag_allow_error_cb_on_chord_header": 180,
    "test_canvas.py::test_chord::test_disabling_flag_allow_error_cb_on_chord_header": 300,
    "test_canvas.py::test_chord::test_flag_allow_error_cb_on_chord_header_on_upgraded_chord": 150,
    # With rpc the suite expects these to wait for a minute in vain.
    **dict.fromkeys((
        "test_canvas.py::test_chain::test_task_replaced_with_chain",
        "test_canvas.py::test_chain::test_chain_child_replaced_with_chain_last",
        "test_canvas.py::test_group::test_group_child_replaced_with_chain_first",
        "test_canvas.py::test_group::test_group_child_replaced_with_chain_middle",
        "test_canvas.py::test_group::test_group_child_replaced_with_chain_last",
        "test_canvas.py::test_chord::test_error_propagates_from_chord",
    ), 120),
    "test_tasks.py::test_tasks::test_expired": 60,
    "test_tasks.py::test_tasks::test_retry": 90,
}

# What the short selection leaves out, and what it takes of that all the same; of a test with parameters it takes one.
# For more than a second these wait for things that must not happen, or have many tasks.
LONG = (
    "*errback*", "*callback*", "*link_error*", "*link_option*", "*large*", "*upgraded*", "*allow_error_cb*", "*parent_ids*",
    "*with_eb*", "*with_cb*", "test_generator", "test_expired", "test_retry", "test_eta", "test_timeout",
    "test_chain_error_handler_with_eta", "test_redis_subscribed_channels_leak", "test_error_propagates_from_chord",
    "test_send_task_without_ignore_result_*", "test_retry_preserves_ignore_result_*", "test_join_exhausted_timeout",
    "test_group_or_task_countdown_delays_header", "test_reapplying_frozen_chord_dispatches_body_again",
    "test_chord_error_propagation_with_different_body_types", "test_nested_group_chord_counting_mixed",
    "test_task_replaced_with_chain", "test_chain_child_replaced_with_chain_last", "test_group_child_replaced_with_chain_*",
    "test_revoked_by_headers_complex_canvas",
)
NOT_TOO_LONG = {
    "test_mutable_errback_with_stored_arguments", "test_link_option_runs_after_the_body",
    "test_link_error_option_runs_on_body_failure", "test_mutable_errback_called_by_chord_from_simple",
    "test_chain_with_callback_child_replaced", "test_chain_children_with_errbacks", "test_callback_called_by_group",
    "test_large_group_pipeline", "test_parent_ids",
}


def place(test, is_aside):
    """Where it stands among the others, which keep their order."""
    # It compares all that waits in the worker: others leave etas behind.
    if test.startswith("test_inspect.py") and not is_aside:
        return 0
    # It changes the serializers of this process for good.
    if test.startswith("test_security.py"):
        return 3
    # Python workers within this process change it too.
    return 2 if is_aside else 1


def short(tests):
    """Those of the tests that the short selection has."""
    chosen = {}
    for test in tests:
        name = test.partition("[")[0]
        function = name.rpartition("::")[2]
        if function in NOT_TOO_LONG or not any(fnmatch.fnmatchcase(function, pattern) for pattern in LONG):
            chosen.setdefault(name, test)
    return set(chosen.values())


def seconds(test):
    return next((SECONDS_OF[name] for name in names(test) if name in SECONDS_OF), SECONDS)
