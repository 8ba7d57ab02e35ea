/// An option of `celery worker`, or of `celery`, that this worker has not. What asks for what is so anyway, or concerns
/// Python's machinery alone, is accepted and named in the log; what would not happen is refused with the reason.
struct PythonOption: Sendable {
    let names: [String]
    let hasValue: Bool
    /// Why it is refused; `nil` when it is accepted.
    private let refusal: String?
    private let refusedValue: (value: String, reason: String)?

    private init(
        _ names: String..., hasValue: Bool = true, refusal: String? = nil,
        refusedValue: (value: String, reason: String)? = nil
    ) {
        (self.names, self.hasValue, self.refusal, self.refusedValue) = (names, hasValue, refusal, refusedValue)
    }

    /// Why it is refused with this value; `nil` when it is not.
    func reason(value: String) -> String? {
        if let refusal { return "\(names[0]) is an option for Python: \(refusal)" }
        guard let refusedValue, refusedValue.value == value else { return nil }
        return "\(names[0]) \(value) is an option for Python: \(refusedValue.reason)"
    }

    /// Those of a Python app, which `celery` takes before the subcommand. The app's settings matter.
    private static let ofApps = [
        PythonOption(
            "-A", "--app",
            refusal:
                "no app runs here. Write its settings to a file with celery-swift import-config, and name that with "
                + "--config"),
        PythonOption("--loader", refusal: "settings are read with --config here"),
        PythonOption("--workdir", refusal: "start this program in the directory"),
        PythonOption("--skip-checks", hasValue: false),
    ]

    private static let ofWorkers: [PythonOption] = {
        let background = "this worker stays in the foreground, which systemd and containers expect"
        let beat = "there is no beat here: run celery beat beside this worker"
        return [
            PythonOption("--without-gossip", hasValue: false),
            PythonOption("-P", "--pool", refusedValue: ("solo", "one task at a time is -c 1")),
            PythonOption("--pool-start-method"), PythonOption("--max-tasks-per-child"),
            PythonOption("-I", "--include"), PythonOption("--executable"),
            PythonOption(
                "--autoscale", refusal: "give the largest number to -c, as a slot without a task costs next to nothing"),
            PythonOption(
                "--max-memory-per-child",
                refusal: "there are no child processes. Limit this one's memory by systemd or a container"),
            PythonOption(
                "--disable-prefetch", hasValue: false,
                refusal: "--prefetch-multiplier 1 with --acks-late comes closest"),
            PythonOption("--purge", "--discard", hasValue: false, refusal: "empty the queue with celery purge"),
            PythonOption("-B", "--beat", hasValue: false, refusal: beat),
            PythonOption("-s", "--schedule-filename", "--schedule", refusal: beat),
            PythonOption("--scheduler", refusal: beat),
            PythonOption("-D", "--detach", hasValue: false, refusal: background),
            PythonOption("-f", "--logfile", refusal: "redirect the log instead"),
            PythonOption("--pidfile", refusal: background), PythonOption("--uid", refusal: background),
            PythonOption("--gid", refusal: background), PythonOption("--umask", refusal: background),
        ]
    }()

    /// All of them by their names.
    static let all = named(ofApps + ofWorkers)
    /// Those that every subcommand may be given.
    static let everywhere = named(ofApps)

    private static func named(_ options: [PythonOption]) -> [String: PythonOption] {
        Dictionary(uniqueKeysWithValues: options.flatMap { option in option.names.map { ($0, option) } })
    }
}
