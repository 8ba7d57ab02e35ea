"""Which of the suite's tests run, why the others do not, and how long each may take.

Tests are named as pytest names them, without the folder: `test_tasks.py::test_tasks::test_fail`. What is said of a file, of
a class or of a test without its parameters is said of all that is in it; the longest name that fits counts.
"""
import fnmatch

NO_WORKER = "no task of it reaches a worker"
EAGER = "its tasks run within pytest"
IN_PROCESS = "it looks into a Python worker that runs within pytest"
OWN_WORKER = "it starts Python workers of its own"
REMOTE_CONTROL = "it needs remote control, which the worker does not have yet"
NOT_SHORT = "not in the short selection"

REASONS = {
    "test_backend.py": "it needs a storage of Azure",
    "test_backend_leak_in_fixture_teardown.py": OWN_WORKER,
    "test_beat.py::test_beat_remote_control": "it is about the remote control of Python's beat, which runs within pytest",
    "test_cache_backend.py": "it needs a backend of memcached",
    "test_connection_recovery.py": "it calls parts of a Python worker",
    "test_database_backend.py": "it needs a backend of SQLAlchemy, and " + NO_WORKER,
    "test_events_state_memory_leak.py": NO_WORKER,
    "test_inspect.py": REMOTE_CONTROL,
    "test_inspect.py::test_Inspect::test_report_with_multiserver_result_backend": NO_WORKER,
    "test_inspect.py::test_Inspect::test_hello_stamps_received_revoked_ids_locally": IN_PROCESS,
    "test_loader.py": NO_WORKER,
    "test_logfile_format.py": NO_WORKER,
    "test_mem_leak_in_exception_handling.py": EAGER,
    "test_redis_backend.py": NO_WORKER,
    "test_request_backend_down.py": "it calls parts of a Python worker",
    "test_serialization.py": OWN_WORKER,
    "test_upgrade.py": NO_WORKER,
    "test_worker.py": OWN_WORKER,
    "test_worker.py::test_pidbox_reset_after_repeated_control_errors": REMOTE_CONTROL,
    "test_worker.py::test_django_fixup_installs_django_task_for_celery_subclass": NO_WORKER,
    **dict.fromkeys((
        "test_canvas.py::test_link_error::test_link_error_eager",
        "test_canvas.py::test_link_error::test_link_error",
        "test_canvas.py::test_link_error::test_link_error_callback_error_callback_retries_eager",
        "test_canvas.py::test_link_error::test_link_error_using_signature_eager",
        "test_canvas.py::test_chain::test_eager_chain_inside_task",
        "test_canvas.py::test_chord::test_eager_chord_inside_task",
        "test_tasks.py::test_apply_tasks",
    ), EAGER),
    **dict.fromkeys((
        "test_canvas.py::test_chain::test_freezing_chain_sets_id_of_last_task",
        "test_canvas.py::test_result_set::test_join_native_timeout_zero_gives_up_on_pending_results",
        "test_canvas.py::test_group::test_empty_group_result",
        "test_canvas.py::test_stamping_mechanism::test_stamp_canvas_with_dictionary_link",
        "test_tasks.py::test_tasks::test_simple_call",
        "test_tasks.py::test_tasks::test_soft_time_limit_exceeding_time_limit",
    ), NO_WORKER),
    "test_tasks.py::test_trace_log_arguments": "it reads the log of a Python worker that runs within pytest",
    **dict.fromkeys((
        "test_tasks.py::test_tasks::test_revoked",
        "test_tasks.py::test_tasks::test_revoke_keeps_state_of_task_started_elsewhere",
        "test_tasks.py::test_tasks::test_revoked_by_headers_simple_canvas",
        "test_tasks.py::test_tasks::test_revoked_by_headers_complex_canvas",
        "test_tasks.py::test_tasks::test_revoke_by_stamped_headers_no_match",
        "test_tasks.py::test_tasks::test_retry_with_unpickleable_exception",
    ), REMOTE_CONTROL),
}

# Of the file that is named above.
RUN_ALL_THE_SAME = {
    "test_redis_backend.py::test_concurrent_result_gets_on_shared_pubsub",
    "test_redis_backend.py::test_chord_part_return_records_each_header_task_once",
}

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
)
NOT_TOO_LONG = {
    "test_mutable_errback_with_stored_arguments", "test_link_option_runs_after_the_body",
    "test_link_error_option_runs_on_body_failure", "test_mutable_errback_called_by_chord_from_simple",
    "test_chain_with_callback_child_replaced", "test_chain_children_with_errbacks", "test_callback_called_by_group",
    "test_large_group_pipeline", "test_parent_ids",
}


def names(test):
    """The names by which a test may be meant, the longest first."""
    yield test
    # A parameter may have colons in it.
    test = test.partition("[")[0]
    while True:
        yield test
        test, colons, _ = test.rpartition("::")
        if not colons:
            return


def reason_against(test):
    """Why a test, or a file as a whole, does not run; None if it does."""
    if any(name in RUN_ALL_THE_SAME for name in names(test)):
        return None
    # A file is left out as a whole only where nothing in it runs.
    if "::" not in test and any(name.startswith(f"{test}::") for name in RUN_ALL_THE_SAME):
        return None
    return next((REASONS[name] for name in names(test) if name in REASONS), None)


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
