import CelerySettings
import Configuration
import Testing

@testable import Celery

@Suite struct ConfigReaderTests {
    @Test func environmentVariablesHaveTheNamesThatDjangoProjectsUse() throws {
        let provider = EnvironmentVariablesProvider(environmentVariables: [
            "CELERY_BROKER_URL": "redis://:secret@h/0", "CELERY_TASK_ACKS_LATE": "true", "CELERY_RESULT_BACKEND": "",
            "CELERY_WORKER_CONCURRENCY": "3", "CELERY_TASK_ROUTES": #"{"images.*": {"queue": "swift"}}"#,
            "CELERY_BROKER_TRANSPORT_OPTIONS": #"{"visibility_timeout": 43200}"#,
        ])
        let configuration = try CeleryConfiguration(config: ConfigReader(provider: provider).scoped(to: "celery"))
        #expect(configuration.broker == "redis://:secret@h/0" && configuration.resultBackend == nil)
        #expect(configuration.worker.acksLate && configuration.worker.concurrency == 3)
        #expect(configuration.routing.route(for: "images.resize")?.queue == "swift")
        #expect(configuration.brokerTransportOptions == ["visibility_timeout": "43200"])
        #expect(configuration.disregardedSettings.isEmpty)
    }

    @Test func valuesThatAreNoTextsAreReadToo() throws {
        let provider = InMemoryProvider(values: [
            "task_acks_late": true, "worker_concurrency": 3, "result_expires": 1.5,
        ])
        let configuration = try CeleryConfiguration(config: ConfigReader(provider: provider))
        #expect(configuration.worker.acksLate && configuration.worker.concurrency == 3)
        #expect(configuration.resultExpires == .seconds(1.5))
    }

    @Test func whatIsNotConfiguredStaysAsItIs() throws {
        var configuration = CeleryConfiguration()
        configuration.worker.concurrency = 7
        configuration.routing.defaultQueue = "mine"
        let provider = InMemoryProvider(values: ["task_acks_late": true])
        try configuration.apply(config: ConfigReader(provider: provider))
        #expect(configuration.worker.concurrency == 7 && configuration.routing.defaultQueue == "mine")
        #expect(configuration.worker.acksLate)
    }

    @Test func aValueThatMakesNoSenseIsAnErrorThatNamesTheSetting() {
        let provider = InMemoryProvider(values: ["worker_concurrency": "many"])
        let error = #expect(throws: CeleryError.self) {
            try CeleryConfiguration(config: ConfigReader(provider: provider))
        }
        #expect(error?.message.contains("worker_concurrency") == true)
    }

    /// Each key is one that ``CeleryConfiguration/apply(_:)`` takes: one that it did not know would be disregarded.
    @Test(arguments: CeleryConfiguration.keys) func everyKeyIsObeyed(key: String) throws {
        let configuration = try CeleryConfiguration(settings: [key: nil])
        #expect(configuration.disregardedSettings.isEmpty)
        #expect(CelerySettingNames.all.contains(key) != CeleryConfiguration.ownKeys.contains(key))
    }
}
