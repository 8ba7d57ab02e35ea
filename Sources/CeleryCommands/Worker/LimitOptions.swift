internal import ArgumentParser
internal import Celery

/// What a worker holds at most.
struct LimitOptions: ParsableArguments {
    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "How many tasks that wait for their eta are kept whole; of more only what it takes to get them again. Celery: worker_eta_task_limit. Default: 10000.",
            valueName: "tasks"),
        transform: NumberArgument.whole(0...Int.max))
    var etaLimit: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "A message with a larger body, decompressed, is refused. Default: $CELERY_WORKER_MAX_BODY_SIZE, else 67108864.",
            valueName: "bytes"),
        transform: NumberArgument.whole(1...Int.max))
    var maxBodySize: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "A message whose values would take more memory, besides the texts of its strings, is refused. Default: $CELERY_WORKER_MAX_BODY_MEMORY, else 83886080.",
            valueName: "bytes"),
        transform: NumberArgument.whole(1...Int.max))
    var maxBodyMemory: Int?

    @Option(
        name: .long, parsing: .unconditional,
        help: ArgumentHelp(
            "How many handlers may run on though their tasks were ended; each leaves its slot to other tasks. Default: $CELERY_WORKER_STRAY_LIMIT, else as many as tasks run at a time.",
            valueName: "handlers"),
        transform: NumberArgument.whole(0...Int.max))
    var strayLimit: Int?

    /// For the argument parser.
    init() {}

    /// Takes over what is given.
    func apply(to options: inout CeleryWorker.Options) {
        if let etaLimit { options.etaLimit = etaLimit }
        if let maxBodySize { options.maximumBodySize = maxBodySize }
        if let maxBodyMemory { options.maximumBodyMemory = maxBodyMemory }
        if let strayLimit { options.strayLimit = strayLimit }
    }
}
