/// What Python runs to print an app's settings that are not Celery's defaults.
enum SettingsScript {
    static let text = #"""
        import json, os, sys
        from datetime import timedelta

        sys.path.insert(0, os.getcwd())
        from celery.app.defaults import NAMESPACES, flatten
        from celery.app.utils import find_app
        from kombu import Exchange, Queue

        ADDRESSES = {"broker_url", "broker_read_url", "broker_write_url", "result_backend"}
        SECRETS = ("password", "secret", "key")


        def plain(value):
            """The value as JSON has it. A queue is what it is declared with."""
            if value is None or isinstance(value, (bool, int, float, str)):
                return str(value) if isinstance(value, str) else value
            if isinstance(value, timedelta):
                return value.total_seconds()
            if isinstance(value, Queue):
                fields = value.as_dict(recurse=True)
                if isinstance(value.exchange, Exchange):
                    fields["exchange"] = {"name": value.exchange.name, "type": value.exchange.type}
                return {name: plain(field) for name, field in fields.items() if field not in (None, False, [], {}, ())}
            if isinstance(value, dict):
                if not all(isinstance(name, str) for name in value):
                    raise TypeError("a name that is no text")
                return {name: plain(field) for name, field in value.items()}
            if isinstance(value, (set, frozenset)):
                return sorted(plain(each) for each in value)
            if isinstance(value, (list, tuple)):
                return [plain(each) for each in value]
            raise TypeError(type(value).__name__)


        def main():
            app = find_app(sys.argv[1])
            settings, left_out = {}, []
            for name, option in flatten(NAMESPACES):
                value = app.conf.get(name, option.default)
                if value == option.default or value is None:
                    continue
                if name in ADDRESSES and "--addresses" not in sys.argv:
                    left_out.append(f"{name} (an address)")
                elif any(word in name for word in SECRETS):
                    left_out.append(f"{name} (a secret)")
                else:
                    try:
                        settings[name] = plain(value)
                    except TypeError as error:
                        left_out.append(f"{name} ({error})")
            print(json.dumps(settings, indent=2, sort_keys=True))
            for line in left_out:
                print(f"import-config: left out {line}", file=sys.stderr)


        main()
        """#
}
