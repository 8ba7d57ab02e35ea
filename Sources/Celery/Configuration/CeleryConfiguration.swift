public import CeleryTransport

/// What a Python app keeps in its settings: where the broker and the results are, its queues and routes, how its workers
/// run.
///
///     let configuration = try CeleryConfiguration(settings: ["task_default_queue": "swift", "task_acks_late": true])
///     let worker = try CeleryWorker(
///         broker: .redis(url), queues: configuration.consumedQueues, options: configuration.worker,
///         routing: configuration.routing, logger: logger) { … }
///
/// Each property names the setting of Celery that it stands for; the defaults are Celery's.
public struct CeleryConfiguration: Sendable {
    /// The broker's address (`broker_url`); `nil` where no setting names one. It may hold a password.
    public var broker: String?
    /// The result backend's address (`result_backend`); `nil` where no setting names one. It may hold a password.
    public var resultBackend: String?
    /// The options of the transport by their names (`broker_transport_options`), as texts.
    public var brokerTransportOptions: [String: String] = [:]
    /// After how long a result goes away (`result_expires`); `nil` for never.
    public var resultExpires: Duration? = .seconds(86_400)
    /// How chords are joined (`result_chord_expires`, `result_chord_join_timeout`, and `result_chord_ordered` of
    /// `result_backend_transport_options`).
    public var chords = ChordOptions()
    /// The default queue, the known queues and the routes (`task_default_queue`, `task_queues`, `task_routes` and what
    /// belongs to them). Tasks that handlers send, and what follows a task, go by it as well.
    public var routing = Routing()
    /// What counts where a call says nothing (`task_default_priority`, `task_compression`, `task_publish_retry`).
    public var defaultOptions = SendOptions()
    /// How a worker runs its tasks (`worker_…` and `task_…`).
    public var worker = CeleryWorker.Options()
    /// How events go through the broker (`event_exchange`, `event_queue_prefix`, `event_queue_ttl`, `event_queue_expires`),
    /// and whether tasks that are sent are told of (`task_send_sent_event`).
    public var events = EventOptions()
    /// The settings that were given and that nothing here obeys, in the order in which they were given.
    public internal(set) var disregardedSettings: [DisregardedSetting] = []

    /// Makes a configuration of Celery's defaults.
    public init() {}

    /// The queues that a worker consumes which is not told others: those of `task_queues`, or else the default queue.
    public var consumedQueues: [Queue] { routing.queues.isEmpty ? [routing.defaultQueue] : routing.queues }
}
