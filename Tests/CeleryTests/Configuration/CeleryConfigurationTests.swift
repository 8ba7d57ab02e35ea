import CeleryProtocol
import CeleryTransport
import Testing

@testable import Celery

/// What Celery 5.7 makes of the same settings.
@Suite struct CeleryConfigurationTests {
    @Test func withoutSettingsAllIsAsInCelery() throws {
        let configuration = try CeleryConfiguration(settings: [:])
        #expect(configuration.consumedQueues == ["celery"])
        #expect(configuration.routing.queue(named: "other") == Queue("other"))
        #expect(configuration.resultExpires == .seconds(86_400))
        #expect(configuration.worker.prefetchMultiplier == 4 && !configuration.worker.acksLate)
        #expect(configuration.disregardedSettings.isEmpty)
    }

    @Test func addressesAndOptionsOfTheTransportAreRead() throws {
        let configuration = try CeleryConfiguration(settings: [
            "broker_url": "redis://h/0", "result_backend": "redis://h/1", "result_expires": 60,
            "broker_transport_options": ["visibility_timeout": 43200, "priority_steps": [0, 5], "sep": ":"],
        ])
        #expect(configuration.broker == "redis://h/0" && configuration.resultBackend == "redis://h/1")
        #expect(
            configuration.brokerTransportOptions == [
                "visibility_timeout": "43200", "priority_steps": "0,5", "sep": ":",
            ])
        #expect(configuration.resultExpires == .seconds(60))
    }

    @Test func whatOthersSeeOfTheSettingsHoldsNoSecrets() throws {
        let configuration = try CeleryConfiguration(settings: [
            "broker_url": "redis://:hidden@h/0", "broker_failover": ["amqp://guest:hidden@h//"],
            "s3_secret_access_key": "hidden",
            "broker_transport_options": ["sentinel_kwargs": "x", "PASSWORD": "hidden"], "timezone": "UTC",
            "task_default_routing_key": "celery", "odd_url": "http://a/b:hidden@c",
        ])
        let shown = configuration.worker.shownSettings
        #expect(shown["timezone"] == "UTC" && shown["task_default_routing_key"] == "celery")
        #expect(shown["broker_transport_options"] == ["sentinel_kwargs": "x", "PASSWORD": "********"])
        #expect(!String(decoding: shown.serialized(), as: UTF8.self).contains("hidden"))
    }

    @Test(arguments: [0, nil] as [JSONValue]) func resultsThatStayForEver(expires: JSONValue) throws {
        #expect(try CeleryConfiguration(settings: ["result_expires": expires]).resultExpires == nil)
    }

    @Test func chordsAreJoinedAsTheSettingsSay() throws {
        let settings: JSONObject = [
            "result_chord_expires": 60, "result_chord_join_timeout": 10,
            "result_backend_transport_options": ["result_chord_ordered": false, "global_keyprefix": "x"],
        ]
        let configuration = try CeleryConfiguration(settings: settings)
        let expected = ChordOptions(isOrdered: false, expires: .seconds(60), joinTimeout: .seconds(10))
        #expect(configuration.chords == expected)
        #expect(configuration.disregardedSettings.map(\.name) == ["result_backend_transport_options"])
        let others = try CeleryConfiguration(
            settings: [
                "result_chord_expires": 0, "result_backend_transport_options": ["result_chord_ordered": true],
            ])
        #expect(others.chords == ChordOptions(expires: .zero))
        #expect(others.disregardedSettings.isEmpty)
        #expect(try CeleryConfiguration(settings: ["result_chord_expires": nil]).chords == ChordOptions())
    }

    @Test func settingsOfTheWorkerAreReadAlsoAsTexts() throws {
        let configuration = try CeleryConfiguration(settings: [
            "worker_concurrency": "3", "worker_prefetch_multiplier": 1, "worker_eta_task_limit": 7,
            "task_acks_late": "true", "task_acks_on_failure_or_timeout": false, "task_ignore_result": 1,
            "task_track_started": "yes",
        ])
        let worker = configuration.worker
        #expect(worker.concurrency == 3 && worker.prefetchMultiplier == 1 && worker.etaLimit == 7)
        #expect(worker.acksLate && !worker.acksOnFailure && worker.ignoreResult && worker.trackStarted)
    }

    @Test func queuesHaveWhatKombuGivesThem() throws {
        let routing = try CeleryConfiguration(settings: [
            "task_default_queue": "main", "task_queue_max_priority": 10,
            "task_queues": [
                ["name": "main"],
                ["name": "media", "exchange": "media", "exchange_type": "topic", "routing_key": "media.#"],
                [
                    "name": "safe", "exchange": ["name": "safe", "type": "direct"], "routing_key": "safe",
                    "queue_arguments": ["x-queue-type": "quorum", "x-dead-letter-exchange": "dead"], "durable": true,
                    "message_ttl": 1.5, "max_length": 9, "alias": nil, "no_ack": false, "bindings": [],
                ],
            ],
        ]).routing
        var main = Queue("main")
        main.maxPriority = 10
        #expect(routing.defaultQueue == main)
        #expect(
            routing.queues[1]
                == Queue("media", exchangeType: .topic, routingKey: "media.#", maxPriority: 10))
        #expect(
            routing.queues[2].arguments == [
                "x-queue-type": "quorum", "x-dead-letter-exchange": "dead", "x-message-ttl": 1500, "x-max-length": 9,
            ])
        #expect(routing.queue(named: "new").maxPriority == 10)
    }

    @Test func whatQueuesLeaveOpenIsThatOfTheDefaults() throws {
        let routing = try CeleryConfiguration(settings: [
            "task_default_queue": "main", "task_default_exchange": "tasks", "task_default_exchange_type": "topic",
            "task_default_routing_key": "task.main", "task_default_queue_type": "quorum",
            "task_create_missing_queue_type": "quorum",
        ]).routing
        #expect(
            routing.defaultQueue
                == Queue("main", exchange: "tasks", exchangeType: .topic, routingKey: "task.main", kind: .quorum))
        #expect(routing.queue(named: "new") == Queue("new", kind: .quorum))
    }

    @Test(arguments: [
        [["images.*": ["queue": "slow"], "images.resize": "swift"]] as JSONValue,
        ["images.*": ["queue": "slow"], "images.resize": ["queue": "swift"]],
        [["images.*", ["queue": "slow"]], ["images.resize", ["queue": ["name": "swift"]]]],
    ])
    func namesCountBeforePatterns(routes: JSONValue) throws {
        let routing = try CeleryConfiguration(settings: ["task_routes": routes]).routing
        #expect(routing.route(for: "images.resize")?.queue == "swift")
        #expect(routing.route(for: "images.crop")?.queue == "slow")
        #expect(routing.route(for: "other") == nil)
    }

    @Test func aRouteMayNameExchangeKeyAndPriority() throws {
        let routing = try CeleryConfiguration(settings: [
            "task_routes": ["a": ["exchange": "x", "routing_key": "k", "priority": 7]]
        ]).routing
        #expect(routing.routes == [Routing.Route("a", exchange: "x", routingKey: "k", priority: 7)])
    }

    /// As kombu's `Broadcast` is written down, with a name that its process alone has.
    @Test func aBroadcastQueueHasANameOfThisProcess() throws {
        let queue = try #require(
            try CeleryConfiguration(settings: [
                "task_queues": [
                    [
                        "name": "bcast.1", "queue": "bcast.1", "alias": "news", "auto_delete": true,
                        "exchange": ["name": "news", "type": "fanout"],
                    ]
                ]
            ]).routing.queues.first)
        #expect(queue.name.hasPrefix("bcast.") && queue.name != "bcast.1")
        #expect(queue == .broadcast("news", queue: queue.name))
    }

    @Test func anExchangeTypeInARouteIsTakenWhereItChangesNothing() throws {
        let routing = try CeleryConfiguration(settings: [
            "task_queues": [["name": "t", "exchange": "te", "exchange_type": "topic", "routing_key": "t.#"]],
            "task_routes": [
                "a": ["exchange": "x", "exchange_type": "topic", "routing_key": "k"],
                "b": ["queue": "t", "exchange_type": "topic", "routing_key": "t.b"],
                "c": ["queue": "c", "exchange_type": "direct"],
            ],
        ]).routing
        #expect(routing.route(for: "a") == Routing.Route("a", exchange: "x", routingKey: "k"))
        #expect(routing.route(for: "b")?.queue?.name == "t")
        #expect(routing.route(for: "c")?.queue == "c")
        #expect(throws: CeleryError.self) {
            try CeleryConfiguration(settings: ["task_routes": ["d": ["queue": "d", "exchange_type": "topic"]]])
        }
    }

    @Test func aCallThatNamesAnUnknownQueueIsRefusedIfNoneIsMade() async throws {
        let configuration = try CeleryConfiguration(settings: [
            "task_create_missing_queues": false, "task_queues": ["mine"], "task_routes": ["a.*": "mine"],
            "task_default_queue": "mine",
        ])
        let client = try CeleryClient(
            broker: MemoryBroker(), routing: configuration.routing, logger: Bench.logger)
        for queue in [nil, "mine"] {
            try await client.enqueue(named: "a.b", options: SendOptions(queue: queue))
        }
        let error = await #expect(throws: CeleryError.self) {
            try await client.enqueue(named: "a.b", options: SendOptions(queue: "typo"))
        }
        #expect(error?.code == .invalidArgument)
        #expect(error?.message.contains("typo") == true)
    }

    @Test func aPatternWithARangeOfCharactersIsRefused() {
        #expect(throws: CeleryError.self) {
            try CeleryConfiguration(settings: ["task_routes": ["shop.[ab]*": "shop"]])
        }
    }

    @Test func whatNothingObeysIsNamed() throws {
        let configuration = try CeleryConfiguration(settings: [
            "worker_pool": "gevent", "task_serializer": "json", "accept_content": ["json"], "enable_utc": true,
            "result_serializer": "pickle", "task_acks_lat": true, "include": ["tasks"],
        ])
        #expect(
            configuration.disregardedSettings == [
                DisregardedSetting(name: "worker_pool", isKnownToCelery: true),
                DisregardedSetting(name: "result_serializer", isKnownToCelery: true),
                DisregardedSetting(name: "task_acks_lat", isKnownToCelery: false),
            ])
    }

    @Test func howTasksAreSentIsRead() throws {
        let options = try CeleryConfiguration(settings: [
            "task_default_priority": 4, "task_compression": "gzip",
            "task_publish_retry_policy": ["max_retries": 7, "interval_start": 0, "interval_step": 0.2],
        ])
        #expect(options.defaultOptions == SendOptions(priority: 4, isCompressed: true, publishRetries: 7))
        #expect(options.disregardedSettings.isEmpty)
        let inherited = try CeleryConfiguration(settings: [
            "task_inherit_parent_priority": true, "task_allow_error_cb_on_chord_header": "yes",
        ])
        #expect(inherited.defaultOptions == SendOptions(inheritsPriority: true, linksErrorsToHeaders: true))
        #expect(inherited.disregardedSettings.isEmpty)
        let never = try CeleryConfiguration(settings: [
            "task_publish_retry": false, "task_publish_retry_policy": ["max_retries": nil, "interval_max": 9],
            "task_compression": "bzip2",
        ])
        #expect(never.defaultOptions == SendOptions(publishRetries: 0))
        #expect(never.disregardedSettings.map(\.name) == ["task_compression", "task_publish_retry_policy"])
    }

    @Test(
        arguments: [
            ("worker_concurrency", 0), ("task_publish_retry_policy", ["max_retries": -1]),
            ("worker_concurrency", "many"), ("task_acks_late", "perhaps"), ("broker_url", 3),
            ("broker_transport_options", "x"), ("broker_transport_options", ["a": ["b": 1]]),
            ("result_expires", "soon"), ("result_chord_expires", -1), ("result_chord_join_timeout", "x"),
            ("task_queues", [["name": "q", "alias": 1]]), ("task_queues", 1), ("task_queues", [["exchange": "x"]]),
            ("task_queues", [["name": "q", "exclusive": true]]),
            ("task_queues", [["name": "q", "exchange_type": "x-delayed"]]), ("task_routes", "app.Router"),
            ("task_routes", ["a": 1]), ("task_routes", ["a": ["expires": 9]]), ("task_default_queue_type", "stream"),
            ("result_expires", -1), ("task_default_priority", 256), ("task_queue_max_priority", 256),
            ("worker_concurrency", 100_001), ("worker_prefetch_multiplier", 65_536), ("worker_max_body_size", 0),
            ("worker_task_loglevel", "loud"), ("task_queues", [["name": "q", "max_length": -1]]),
        ] as [(String, JSONValue)])
    func aValueThatMakesNoSenseIsAnErrorThatNamesTheSetting(name: String, value: JSONValue) {
        let error = #expect(throws: CeleryError.self) { try CeleryConfiguration(settings: [name: value]) }
        #expect(error?.code == .invalidSetting)
        #expect(error?.message.contains(name) == true)
    }

    @Test func queuesMayNotBeMadeUp() {
        let settings: JSONObject = ["task_create_missing_queues": false, "task_routes": ["a": "nowhere"]]
        #expect(throws: CeleryError.self) { try CeleryConfiguration(settings: settings) }
    }
}
