"""The Python client of the bench, the twin of client/: one line of JSON.

    python_client.py publish BROKER QUEUE TASK COUNT CALLERS [confirm]
    python_client.py latency BROKER BACKEND QUEUE TASK COUNT PAUSE
    python_client.py later BROKER QUEUE TASK COUNT COUNTDOWN
    python_client.py calls BACKEND COUNT
"""
import datetime
import json
import sys
import threading
import time

from celery import Celery
from celery.utils import uuid


def publish(broker, queue, task, count, callers, confirm=""):
    count, callers = int(count), int(callers)
    app = Celery("bench", broker=broker, backend="disabled://")
    if confirm:
        app.conf.broker_transport_options = {"confirm_publish": True}
    each = max(1, count // callers)

    def send(number):
        for _ in range(number):
            app.send_task(task, (2, 3), queue=queue, ignore_result=True)

    send(1)
    threads = [threading.Thread(target=send, args=(each,)) for _ in range(callers)]
    begin, cpu = time.monotonic(), time.process_time()
    if callers == 1:
        send(each)
    else:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    return {"count": each * callers, "seconds": time.monotonic() - begin, "cpu": time.process_time() - cpu}


def latency(broker, backend, queue, task, count, pause):
    app = Celery("bench", broker=broker, backend=backend)
    for _ in range(5):
        app.send_task(task, (2, 3), queue=queue).get(timeout=30)
    starts, trips = [], []
    for _ in range(int(count)):
        time.sleep(float(pause))
        called, begin = time.time(), time.monotonic()
        result = app.send_task(task, (2, 3), queue=queue)
        result.get(timeout=30)
        trips.append(time.monotonic() - begin)
        done = result.date_done
        if isinstance(done, str):
            done = datetime.datetime.fromisoformat(done)
        starts.append(done.replace(tzinfo=datetime.timezone.utc).timestamp() - called)
    return {"starts": starts, "trips": trips}


def later(broker, queue, task, count, countdown):
    """Calls that are to run only after so many seconds."""
    app = Celery("bench", broker=broker, backend="disabled://")
    eta = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=float(countdown))
    for _ in range(int(count)):
        app.send_task(task, (2, 3), queue=queue, eta=eta, ignore_result=True)
    return {"count": int(count)}


def calls(backend, count):
    """What a result that is waited for takes: bytes alone, and as its backend listens for it."""
    app = Celery("bench", broker="memory://", backend=backend)
    first = app.AsyncResult(uuid())
    app.backend.add_pending_result(first)
    count, begin, memory = int(count), time.monotonic(), own_memory()
    results = [app.AsyncResult(uuid()) for _ in range(count)]
    alone = own_memory()
    for result in results:
        app.backend.add_pending_result(result)
    pending, seconds = own_memory(), time.monotonic() - begin
    for result in [first, *results]:
        app.backend.remove_pending_result(result)
    return {"alone": (alone - memory) / count, "pending": (pending - memory) / count, "seconds": seconds}


def own_memory():
    with open("/proc/self/smaps_rollup") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("Pss:")) * 1024


if __name__ == "__main__":
    print(json.dumps({"publish": publish, "latency": latency, "later": later, "calls": calls}[sys.argv[1]](*sys.argv[2:])))
