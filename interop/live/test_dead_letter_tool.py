"""`celery-swift dead-letters` on both brokers: what is listed, what goes where, and that nothing is lost whenever it is killed."""
import json
import os
import subprocess
import time

import pytest
from kombu import Queue

from fleet import workers
from live.bed import equal, eventually, matches


class Letters:
    """A queue `orders` of one test, and where its dead letters are."""

    def __init__(self, bed, name):
        self.bed, self.queue = bed, f"orders-{name}"
        self.holder = f"{self.queue}.dead-letter" if bed.kind == "redis" else f"dead-{name}"
        # What -Q takes.
        self.named = self.queue if bed.kind == "redis" else self.holder
        arguments = {"x-dead-letter-exchange": "", "x-dead-letter-routing-key": self.holder}
        with bed.app.connection_for_write() as connection:
            channel = connection.default_channel
            orders = Queue(self.queue, queue_arguments=arguments)
            bed.app.amqp.queues.add(orders)
            orders(channel).declare()
            if bed.kind == "rabbitmq":
                Queue(self.holder)(channel).declare()

    def send(self, task, *args):
        return self.bed.app.send_task(task, args, queue=self.queue).id

    def put(self, *tasks):
        """Has a worker refuse these tasks; returns their ids."""
        worker = self.bed.swift_worker([self.queue], self.queue)
        ids = [self.send(task, number) for number, task in enumerate(tasks)]
        eventually(lambda: self.waiting(self.holder) == len(tasks), "they are dead letters", 20)
        worker.kill()
        return ids

    def waiting(self, queue):
        return self.bed.held_and_waiting(queue)[1]

    def tool(self, *arguments):
        command, *rest = arguments
        return self.bed.tool("dead-letters", command, "-Q", self.named, *rest)

    def listed(self, *arguments):
        status, output, errors = self.tool("list", "--json", *arguments)
        equal((status, errors), (0, ""))
        return json.loads(output)[self.holder]


def test_dead_letters_are_listed_shown_requeued_and_dropped(bed):
    letters = Letters(bed, "all")
    ids = letters.put("swift.nobody", "swift.none", "swift.nobody")
    listed = letters.listed()
    equal([(letter["task"], letter["id"]) for letter in listed],
          list(zip(["swift.nobody", "swift.none", "swift.nobody"], ids)))
    equal([letter["args"] for letter in listed], ["(0,)", "(1,)", "(2,)"])
    equal({letter["died_in"] for letter in listed}, {None if bed.kind == "redis" else letters.queue})
    equal(letters.listed("--counts"), {"swift.nobody": 2, "swift.none": 1})
    equal([letter["id"] for letter in letters.listed("--task", "swift.nob*", "--count", "1")], ids[:1])
    status, output, _ = letters.tool("list")
    equal(status, 0)
    matches(output, rf"^{letters.holder}: 3 messages\n  swift\.nobody\[{ids[0]}\] args=")
    status, output, _ = letters.tool("show", "--id", ids[1])
    equal(status, 0)
    matches(output, r'"task": "swift\.none"')
    equal(letters.tool("show", "--id", "nobody")[0], 1)

    status, _, errors = letters.tool("requeue")
    equal(status, 64)
    matches(errors, "which ones")
    status, _, errors = letters.tool("drop", "--all")
    equal(status, 1)
    matches(errors, "Aborted!")
    equal(letters.waiting(letters.holder), 3)

    equal(letters.tool("drop", "--force", "--id", ids[1]), (0, "Dropped 1 message.", ""))
    equal(letters.tool("requeue", "--id", ids[2]), (0, f"Requeued 1 message to {letters.queue}.", ""))
    equal((letters.waiting(letters.queue), letters.waiting(letters.holder)), (1, 1))
    with bed.app.connection_for_write() as connection:
        Queue("elsewhere")(connection.default_channel).declare()
    status, output, _ = letters.tool("requeue", "--all", "--to", "elsewhere", "--json")
    equal((status, json.loads(output)),
          (0, {"requeued": {"elsewhere": 1}, "dropped": 0, "stayed": 0, "gone": 0, "failed": []}))
    status, output, errors = letters.tool("requeue", "--id", ids[0])
    equal(status, 1)
    matches(errors, "no such dead letter")
    with bed.app.connection_for_read() as connection:
        message = connection.SimpleQueue("elsewhere").get(timeout=5)
        equal(message.headers["id"], ids[0])
        equal([name for name in message.headers if "death" in name], [])
        message.ack()


def test_what_is_requeued_runs_or_comes_back(bed):
    letters = Letters(bed, "back")
    [identifier] = letters.put("swift.nobody")
    letters.tool("requeue", "--all")
    worker = bed.swift_worker([letters.queue], letters.queue)
    eventually(lambda: letters.waiting(letters.holder) == 1, "nobody knows it still", 20)
    worker.kill()
    equal([letter["id"] for letter in letters.listed()], [identifier])


def test_all_are_requeued_in_one_run(bed):
    letters = Letters(bed, "many")
    letters.put(*["swift.nobody"] * 5)
    equal(letters.tool("requeue", "--all", "--to", letters.queue)[0], 0)
    equal((letters.waiting(letters.queue), letters.waiting(letters.holder)), (5, 0))


def test_letters_that_cannot_go_stay(bed):
    letters = Letters(bed, "stay")
    letters.put("swift.nobody", "swift.nobody")
    target = "unacked" if bed.kind == "redis" else "not-there"
    status, output, errors = letters.tool("requeue", "--all", "--to", target)
    equal((status, letters.waiting(letters.holder)), (1, 2))
    equal(len([line for line in errors.splitlines() if "] stays: " in line]), 2)
    if bed.kind == "redis":
        bed.redis.set("no-list", "x")
        equal(letters.tool("requeue", "--all", "--to", "no-list")[0], 1)
        equal(letters.waiting(letters.holder), 2)


@pytest.mark.parametrize("delay", [0, 0.1, 0.4])
def test_nothing_is_lost_when_it_is_killed(bed, delay):
    letters = Letters(bed, f"killed-{delay}")
    count = 2000
    with bed.app.connection_for_write() as connection, bed.app.amqp.Producer(connection) as producer:
        for number in range(count):
            bed.app.send_task("swift.nobody", [number], task_id=str(number), queue=letters.holder, producer=producer)
    environment = {**os.environ, **workers.addresses(bed.broker, bed.backend)}
    command = [workers.swift_binary(), "dead-letters", "requeue", "-Q", letters.named, "--all", "--to", letters.queue]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        eventually(lambda: letters.waiting(letters.queue) > 0 or process.poll() is not None, "it has begun", 20)
        time.sleep(delay)
        process.kill()

    def moved():
        return letters.waiting(letters.queue) + letters.waiting(letters.holder)
    eventually(lambda: count <= moved() <= count + (bed.kind == "rabbitmq"), "each is there, one at most twice", 20)
    ids = []
    for queue in (letters.queue, letters.holder):
        with bed.app.connection_for_read() as connection:
            while message := connection.default_channel.basic_get(queue, no_ack=True):
                ids.append(message.headers["id"])
    equal(set(ids), {str(number) for number in range(count)})
    # Those that stayed have kept their order.
    equal(ids[:1], ["0"])
    assert len(ids) <= count + (bed.kind == "rabbitmq")
