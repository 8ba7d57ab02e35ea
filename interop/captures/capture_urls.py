"""Records in Fixtures/urls/ how Celery reads addresses of brokers and result backends. Nothing is connected.
Started by `interop/capture`, for the newest Celery."""
import datetime
import json
import logging
import os
import platform
import warnings

import amqp
import celery
import kombu
import kombu.transport.redis
import redis
from celery import Celery

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FOLDER = os.path.join(REPOSITORY, "Fixtures", "urls")

#: For broker and backend.
REDIS = """
redis:// redis://h redis://h: redis://h:1/5 redis://h/03 redis://h//3 redis://h/3/ redis://h/%33 redis://h/x redis://[::1]:7/2
redis://[fe80::1%25eth0]/1 redis://H.Example/2 REDIS://h/2 redis://u:p@h/2 redis://user@h redis://user:@h redis://:@h redis://@h
redis://:p@h redis://:a@b@h/2 redis://u:p:q@h redis://u%40x:p%3A%2F%40%25@h redis://:100%@h redis://:%C3%A9+1@h redis://:a/b@h/2
redis://:a?b@h/2 redis://:a#b@h/2 redis://:12/b@h/2 redis://:12?b@h/2 redis://:12#b@h/2 redis://u:a/b:c@h redis://h/1#f redis://h?db=3
redis://h/1?db=3 redis://h/1?db= redis://h?db=3&db=4 redis://h?DB=3 redis://h/1?virtual_host=3 redis://h?virtual_host=3
redis://h?password=x redis://:p@h?password=x redis://u:p@h?username=v&password=a+b%2B redis://h?username=u redis://h?user=u redis://h?userid=u
redis://h:1?port=7 redis://h?host=x redis://h?hostname=x redis://h?visibility_timeout=60 redis://h?sep=: redis://h?priority_steps=0
redis://h?socket_timeout=5 redis://h?socket_connect_timeout=5 redis://h?connect_timeout=3 redis://h?health_check_interval=5
redis://h?client_name=a%20b redis://h?heartbeat=3 redis://h?ssl=1 redis://h?ssl_cert_reqs=none redis://h?bogus=1 redis://h?protocol=2
redis://h?protocol=3 redis://h?max_connections=20 redis://h?retry_on_timeout=1 redis://h?socket_keepalive=1 redis://h?insist=1
redis://h?login_method=PLAIN redis://h?credential_provider=x redis://h?decode_responses=1 redis://h?timeout=1 redis://h?path=/x
redis+socket:///tmp/x redis+socket:///tmp/x?virtual_host=5 redis+socket:///tmp/x?virtual_host=/7 redis+socket:///tmp/x?db=5
redis+socket:///tmp/x?virtual_host=5&db=6 redis+socket://u:p@/tmp/x?virtual_host=5 redis+socket:///tmp/x?password=p
redis+socket:///tmp/x?username=u&password=p redis+socket:///tmp/a%20b redis+socket:///tmp/x?socket_timeout=3 REDIS+SOCKET:///tmp/x
redis+socket:///tmp/x?bogus=1 redis+socket://h/tmp/x socket:///tmp/x unix:///tmp/x redis+unix:///tmp/x redis+redis://h/3 rediss://h
""".split() + [" redis://h/2", "redis://h/2\n", "redis://h/2 ", "redis://:a\nb@h/2", "redis://a/1;redis://b/2"]

#: For the broker.
AMQP = """
amqp:// amqp://h amqp://h/ amqp://h// amqp://h/// amqp://h/v amqp://h/v/w amqp://h/%2Fv amqp://h/a+b AMQP://h/v PyAMQP://h
librabbitmq://h amqps://h amqp+ssl://h amqp://HOST:1/V amqp://[::1]:3/v amqp://u:p@h/v amqp://u@h amqp://u:@h amqp://:p@h
amqp://@h amqp://:@h amqp://u%40x:p%2Fq@h/%2Fv%2Fw amqp://u:a+b@h amqp://u:100%@h amqp://u:a/b@h/v amqp://u:12/b@h/v amqp://u:a#b@h/v
amqp://h/v#f amqp://h/v? amqp://h?ssl=1 amqp://h?ssl=0 amqp://h?ssl= amqp://h?ssl_ca_certs=x amqp://h?login_method=EXTERNAL
amqp://h?login_method=PLAIN amqp://h?login_method=AMQPLAIN amqp://h?login_method=x amqp://h?heartbeat=10 amqp://h?heartbeat=1.5
amqp://h?heartbeat=0 amqp://h?heartbeat= amqp://h?connect_timeout=3 amqp://h?virtual_host=x amqp://h/v?virtual_host=x
amqp://h?virtual_host= amqp://h?userid=a&password=b amqp://h:1?port=7 amqp://h?hostname=x amqp://h?bogus=1 amqp://h?bogus=
amqp://h?insist=1 amqp://h?transport=redis amqp://h?frame_max=3 amqp://h?channel_max=3 amqp://h?confirm_publish=1
amqp://h?failover_strategy=shuffle amqp://h?read_timeout=2 amqp://h?credential_provider=x
""".split() + [" amqp://h/v", "amqp://h/v\n", "amqp://u:p@h/v;amqp://k", "amqp://u:p@h/v; amqp://k"]

OTHER_BACKENDS = ["rpc", "rpc://", "rpc://h", "RPC://", "redis", "disabled", "disabled://", "amqp://h"]

KEPT = ["host", "port", "path", "db", "username", "password", "client_name", "socket_timeout", "socket_connect_timeout",
        "health_check_interval", "ssl_cert_reqs"]


def redis_parameters(parameters):
    found = {name: parameters[name] for name in KEPT if parameters.get(name) is not None}
    for name in ("port", "socket_timeout", "socket_connect_timeout"):
        if name in found:
            found[name] = float(found[name]) if "." in str(found[name]) else int(found[name])
    if "ssl_cert_reqs" in found:
        found["ssl_cert_reqs"] = str(found["ssl_cert_reqs"])
    return found


class Channel(kombu.transport.redis.Channel):
    """One that reads its parameters and connects nothing."""

    def __init__(self, transport):
        self.connection = transport
        self.Client = self._get_client()

    def __del__(self):
        pass


class Connected(Exception):
    pass


def broker(url):
    connection = Celery(broker=url).connection_for_write()
    transport = connection.transport
    if transport.driver_type == "redis":
        return redis_parameters(Channel(transport)._connparams())
    found = {}

    class Connection(amqp.Connection):
        def __init__(self, **parameters):
            super().__init__(**parameters)
            found.update(parameters)

        def connect(self):
            raise Connected

    transport.Connection = Connection
    try:
        transport.establish_connection()
    except Connected:
        return found


def backend(url):
    found = Celery(broker="memory://", backend=url).backend
    if not hasattr(found, "connparams"):
        return {"backend": type(found).__name__}
    # Options that nobody knows are refused here.
    found.client.connection_pool.make_connection()
    return redis_parameters(found.connparams)


def case(role, read, url):
    try:
        return {"role": role, "url": url, "expect": read(url)}
    except Exception as error:
        return {"role": role, "url": url, "error": f"{type(error).__name__}: {error}".strip().split("\n")[0]}


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    cases = [case("broker", broker, url) for url in REDIS + AMQP]
    cases += [case("backend", backend, url) for url in REDIS + OTHER_BACKENDS]
    head = {"topic": "urls", "celery": celery.__version__, "kombu": kombu.__version__, "amqp": amqp.__version__,
            "redis": redis.__version__, "python": platform.python_version(),
            "made": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")}
    os.makedirs(FOLDER, exist_ok=True)
    with open(os.path.join(FOLDER, f"celery-{celery.__version__}.json"), "w") as file:
        lines = ",\n".join(json.dumps(case) for case in cases)
        file.write(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n")


if __name__ == "__main__":
    main()
