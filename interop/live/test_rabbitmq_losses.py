"""What a Swift worker does when RabbitMQ takes its connections, its rights, or its messages away."""
import collections
import contextlib
import json
import os
import subprocess
import time

import amqp
import pytest

from faults.proxy import Proxy
from fleet import servers, worker_log, workers
from live.bed import Bed, equal, eventually, matches, only
from live.raw import EMBED

pytestmark = only("rabbitmq")


@contextlib.contextmanager
def own_bed(server):
    """A bed around a server of this test's own."""
    with contextlib.closing(Bed("rabbitmq", server)) as bed:
        yield bed


def runs(worker, results):
    """How often the worker has finished each of the tasks."""
    log = worker.log()
    return [worker_log.successes(log, result.id) for result in results]


def connections_of(server, name):
    """Those that give this name. The others' acknowledgements that are on their way must not be lost with them."""
    lines = server.control("list_connections", "--no-table-headers", "pid", "client_properties").splitlines()
    pids = [line.split("\t")[0] for line in lines if name in line]
    assert pids, lines
    return pids


def close(server, connections):
    for pid in connections:
        server.control("close_connection", pid, "test")


def test_what_is_held_at_a_lost_connection_runs_once_however_full_the_window_is(bed):
    first = bed.swift_worker(["full"], "full-1", ["-c", "1"])
    # Before the task, because it takes a while.
    connections = connections_of(bed.server, "full-1@")
    results = [bed.app.send_task("swift.sleep", (8,), queue="full")]
    eventually(lambda: worker_log.receipts(first.log()), "the long task has come")
    results += [bed.app.send_task("swift.sleep", (0.2,), queue="full") for _ in range(3)]
    # By its log: to ask RabbitMQ takes seconds, and the long task may end meanwhile.
    eventually(lambda: worker_log.receipts(first.log()) == 4, "the others are held")
    second = bed.swift_worker(["full"], "full-2", ["-c", "1"])
    close(bed.server, connections)
    for result in results:
        result.get(timeout=30)
    eventually(lambda: bed.held_and_waiting("full") == (0, 0), "all is acknowledged")
    equal([a + b for a, b in zip(runs(first, results), runs(second, results))], [1] * 4)
    equal((first.stop(), second.stop()), (0, 0))


@pytest.mark.parametrize("concurrency", [1, 4])
def test_what_runs_when_the_connection_is_lost_does_not_run_once_more_in_the_same_worker(bed, concurrency):
    queue = f"again-{concurrency}"
    worker = bed.swift_worker([queue], queue, ["-c", str(concurrency), "--acks-late", "-l", "DEBUG"])
    connections = connections_of(bed.server, f"{queue}@")
    result = bed.app.send_task("swift.sleep", (6,), queue=queue)
    eventually(lambda: worker_log.starts(worker.log()), "the task runs")
    close(bed.server, connections)
    eventually(lambda: worker_log.receipts(worker.log()) == 2, "the message has come again", 30)
    equal(result.get(timeout=30), 6)
    eventually(lambda: bed.held_and_waiting(queue) == (0, 0), "all is acknowledged", 30)
    equal(worker_log.starts(worker.log()), 1)
    equal(worker.stop(), 0)


def test_tasks_acknowledged_early_run_once_when_connections_are_closed_in_between(bed):
    worker = bed.swift_worker(["cut"], "cut", ["-c", "5"])
    results = [bed.app.send_task("swift.sleep", (0.5,), queue="cut") for _ in range(60)]
    for _ in range(3):
        time.sleep(1)
        bed.server.control("close_all_connections", "test")
    eventually(lambda: bed.held_and_waiting("cut") == (0, 0) and sum(runs(worker, results)) >= 60, "all have run", 60)
    equal(runs(worker, results), [1] * 60)
    equal(worker.stop(), 0)


@contextlib.contextmanager
def swift_client(broker, backend, *arguments):
    """The Swift client of the benchmarks, which sends many calls and waits for the values of all."""
    program = os.path.join(os.path.dirname(workers.swift_binary()), "bench-client")
    with subprocess.Popen(
            [program, "calls", broker, backend, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_swift_client_gets_all_replies_though_its_connection_is_gone_while_the_tasks_run(bed):
    worker = bed.swift_worker(["replies"], "replies", ["-c", "100"])
    with Proxy(bed.server.port) as proxy:
        broker = bed.broker.replace(f":{bed.server.port}/", f":{proxy.port}/")
        with swift_client(broker, bed.backend, "replies", "swift.sleep", "300", "handles", "1") as client:
            equal(client.stdout.readline(), "ready\n")
            client.stdin.write("go\n")
            client.stdin.flush()
            equal(client.stdout.readline(), "sent\n")
            # It stays away until all replies are sent: without a queue to go to, they would be lost.
            proxy.is_refusing = True
            proxy.cut()
            eventually(lambda: worker_log.successes(worker.log()) == 301, "all have run", 60)
            proxy.is_refusing = False
            equal(json.loads(client.stdout.readline())["count"], 300)
    equal(worker.stop(), 0)


def test_a_virtual_host_and_rights_that_are_taken_away_for_a_while_are_waited_for(new_rabbitmq):
    server = new_rabbitmq()
    with own_bed(server) as bed:
        control = server.control
        for take, give in [
                ([["delete_vhost", "/"]], [["add_vhost", "/"], ["set_permissions", "guest", ".*", ".*", ".*"]]),
                ([["clear_permissions", "guest"], ["close_all_connections", "test"]],
                 [["set_permissions", "guest", ".*", ".*", ".*"]]),
                ([["change_password", "guest", "other"], ["close_all_connections", "test"]],
                 [["change_password", "guest", "guest"]]),
        ]:
            seen = bed.swift.log().count("trying again")
            for command in take:
                control(*command)
            eventually(lambda: bed.swift.log().count("trying again") > seen, "it says so", 20)
            for command in give:
                control(*command)
            with contextlib.closing(bed.make_app()) as app:
                equal(app.send_task("swift.add", (1, 2), queue="swift").get(timeout=40), 3)


def test_a_user_who_may_declare_nothing_works_with_what_is_there(bed):
    for command in [["add_user", "limited", "limited"], ["set_permissions", "limited", "^$", ".*", ".*"]]:
        bed.server.control(*command)
    with amqp.Connection(f"127.0.0.1:{bed.server.port}") as connection, connection.channel() as channel:
        channel.queue_declare("theirs", durable=True, auto_delete=False, arguments={"x-max-priority": 10})
    limited = bed.broker.replace("//guest:guest@", "//limited:limited@")
    worker = bed.swift_worker(["theirs"], "limited", broker=limited)
    matches(worker.log(), "a queue is used as it is.*ACCESS_REFUSED - ")
    # Replies would need a queue that it may declare.
    status, task, errors = bed.tool(
        "call", "swift.add", "-a", "[1, 2]", "--queue", "theirs", broker=limited, backend="disabled://")
    assert status == 0, errors
    eventually(lambda: worker_log.successes(worker.log(), task), "it has run")
    equal(worker.stop(), 0)


@pytest.fixture(scope="module")
def frugal_server():
    """It takes no messages beyond 10,000 bytes."""
    with servers.RabbitMQ(configuration="max_message_size = 10000\n") as server:
        yield server


def test_a_result_that_is_too_large_for_the_server_fails_alone(frugal_server):
    with own_bed(frugal_server) as bed:
        # What comes back is larger than what was sent: the message stands in the traceback once more.
        calls = [bed.send("fail", "x" * 6000) if number % 25 == 3 else bed.send("add", number, 1)
                 for number in range(100)]
        for number, call in enumerate(calls):
            if number % 25 == 3:
                with pytest.raises(Exception, match="could not be stored"):
                    call.get(timeout=20)
            else:
                call.get(timeout=20)
        # In the line of the failure that could not be told, which is written after its caller has been told.
        eventually(lambda: bed.swift.log().count("refused_result=refused: ") >= 4, "each refusal is in the log")
        log = bed.swift.log()
        equal(log.count("refused_result=refused: "), 4)
        equal(log.count("storing results again"), 0)


def test_of_many_results_only_those_that_are_too_large_fail_and_all_are_sent_once(frugal_server):
    count, replies = 3000, collections.defaultdict(list)
    with own_bed(frugal_server) as bed:
        worker = bed.swift_worker(["many"], "many", ["-c", "64"])
        with bed.app.connection_for_write() as connection:
            channel = connection.default_channel
            queue = channel.queue_declare("", exclusive=True).queue
            large = {str(number) for number in range(50, count, 100)}
            for number in map(str, range(count)):
                # The text of the failure stands in the traceback as well.
                task, argument = ("fail", "x" * 6000) if number in large else ("echo", number)
                channel.basic_publish(
                    amqp.Message(
                        json.dumps([[argument], {}, EMBED]), reply_to=queue, correlation_id=number,
                        content_type="application/json", content_encoding="utf-8",
                        application_headers={"task": f"swift.{task}", "id": number, "lang": "py"}), routing_key="many")

            def take():
                while (message := channel.basic_get(queue, no_ack=True)) is not None:
                    replies[message.properties["correlation_id"]].append(json.loads(message.body))
                return sum(map(len, replies.values())) >= count
            eventually(take, "all have been answered", 60)
            equal(worker.stop(), 0)
            take()
        equal({number: len(each) for number, each in replies.items()}, {str(number): 1 for number in range(count)})
        equal({number for number, (reply,) in replies.items() if reply["status"] != "SUCCESS"}, large)
        for number in large:
            matches(replies[number][0]["result"]["exc_message"][0], "could not be stored")


def test_headers_larger_than_a_frame_are_taken(bed):
    bed.call("add", 1, 1)
    before = bed.swift.log().count("trying again")
    with bed.app.connection_for_write() as connection:
        channel = connection.default_channel
        channel.queue_declare("waiting-room", auto_delete=False, durable=True, arguments={
            "x-message-ttl": 1, "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "swift"})
        # With what the server adds when it moves the message on, these do not fit a frame any more.
        producer = bed.app.amqp.Producer(channel)
        producer.publish("[[1, 2], {}, {}]", routing_key="waiting-room", content_type="application/json",
                         content_encoding="utf-8", serializer=None,
                         headers={"task": "swift.add", "id": "large-headers", "lang": "py", "filler": "x" * 130_800})
        equal(bed.call("add", 1, 2), 3)
        eventually(lambda: "large-headers" in bed.swift.log(), "the large one runs too")
        channel.queue_delete("waiting-room")
    equal(bed.swift.log().count("trying again"), before)


def test_a_worker_ends_in_bounded_time_while_the_server_takes_no_messages(new_rabbitmq):
    server = new_rabbitmq()
    with own_bed(server) as bed:
        bed.call("add", 1, 1)
        server.control("set_vm_memory_high_watermark", "0")
        connection = amqp.Connection(f"127.0.0.1:{server.port}")
        connection.connect()
        # The server stops reading where the body of the first message begins, and this one has none: it arrives, is
        # refused, and its sender cannot be told.
        connection.channel().basic_publish(
            amqp.Message(b"", reply_to="nobody", content_type="application/json", content_encoding="utf-8",
                         application_headers={"task": "swift.add", "id": "refused", "lang": "py"}), routing_key="swift")
        bed.swift.wait_for_log("takes no messages", 30)
        equal(bed.swift.stop(seconds=60), 0)
        connection.collect()


def test_a_worker_ends_in_bounded_time_while_the_server_hangs(new_rabbitmq):
    server = new_rabbitmq()
    with own_bed(server) as bed:
        bed.call("add", 1, 1)
        server.pause()
        try:
            equal(bed.swift.stop(seconds=60), 0)
        finally:
            server.resume()


def test_a_queue_that_is_quorum_by_the_virtual_hosts_default_is_consumed(new_rabbitmq):
    server = new_rabbitmq()
    try:
        server.control("add_vhost", "quorum", "--default-queue-type", "quorum")
    except Exception as error:
        pytest.skip(f"this server knows no default queue type: {error}")
    server.control("set_permissions", "-p", "quorum", "guest", ".*", ".*", ".*")
    with own_bed(server) as bed:
        worker = bed.swift_worker(["by-default"], "quorum", broker=server.url[:-1] + "quorum")
        equal(worker.stop(), 0)
