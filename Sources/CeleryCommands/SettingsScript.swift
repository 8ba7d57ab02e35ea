/// What Python runs to print an app's settings that are not Celery's defaults.
enum SettingsScript {
    static let text = #"""
        import json, os, re, sys
        from datetime import timedelta

        # What the app prints is not mixed with its settings.
        output, sys.stdout = sys.stdout, sys.stderr
        sys.path.insert(0, os.getcwd())
        from celery.app.defaults import NAMESPACES, flatten
        from celery.app.utils import find_app
        from kombu import Exchange, Queue

        ADDRESSES = {"broker_url", "broker_read_url", "broker_write_url", "result_backend"}
        SECRET = re.compile("password|passwd|secret|token|credential|access_key|security_key|authkey", re.IGNORECASE)
        # An address with a user and a password.
        WITH_PASSWORD = re.compile("://[^/@]*:[^/]*@")
        left_out = []


        def omit(path, reason):
            left_out.append(f"{'.'.join(path)} ({reason})")


        def is_secret(path):
            """Whether the name stands for a password. Those of tasks and queues are no names of settings."""
            return not path[0].startswith("task_") and SECRET.search(path[-1])


        def fields_of(queue):
            """What a queue is declared with, and not by default."""
            fields = queue.as_dict(recurse=True)
            if isinstance(queue.exchange, Exchange):
                fields["exchange"] = {"name": queue.exchange.name, "type": queue.exchange.type}
            return {
                name: field for name, field in fields.items()
                if (name == "durable" or field is not False) and field not in (None, [], {}, ())}


        def plain(value, path):
            """The value as JSON has it, without what is secret."""
            if isinstance(value, str):
                if "--addresses" not in sys.argv and WITH_PASSWORD.search(value):
                    raise TypeError("an address")
                return str(value)
            if value is None or isinstance(value, (bool, int, float)):
                return value
            if isinstance(value, timedelta):
                return value.total_seconds()
            if isinstance(value, Queue):
                return plain(fields_of(value), path)
            if isinstance(value, dict):
                if not all(isinstance(name, str) for name in value):
                    raise TypeError("a name that is no text")
                entries = {}
                for name, field in value.items():
                    here = [*path, name]
                    if is_secret(here):
                        omit(here, "a secret")
                    else:
                        entries[name] = plain(field, here)
                return entries
            if isinstance(value, (set, frozenset)):
                return sorted(plain(each, path) for each in value)
            if isinstance(value, (list, tuple)):
                return [plain(each, path) for each in value]
            raise TypeError(type(value).__name__)


        def routes(value):
            """The tables of routes; one that is found by a name is Python's code."""
            for each in value if isinstance(value, (list, tuple)) else [value]:
                if isinstance(each, str):
                    raise TypeError(f"the router {each}")
            return plain(value, ["task_routes"])


        def main():
            app = find_app(sys.argv[1])
            settings = {}
            for name, option in sorted(flatten(NAMESPACES)):
                value = app.conf.get(name, option.default)
                if value == option.default or value is None:
                    continue
                if name in ADDRESSES and "--addresses" not in sys.argv:
                    omit([name], "an address")
                elif is_secret([name]):
                    omit([name], "a secret")
                else:
                    try:
                        settings[name] = routes(value) if name == "task_routes" else plain(value, [name])
                    except TypeError as error:
                        omit([name], error)
            # Not sorted: of several routes that match the first one counts.
            print(json.dumps(settings, indent=2), file=output)
            for line in left_out:
                print(f"import-config: left out {line}", file=sys.stderr)


        main()
        """#
}
