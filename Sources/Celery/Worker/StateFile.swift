internal import CeleryProtocol
internal import Logging

#if canImport(FoundationEssentials)
internal import FoundationEssentials
#else
internal import Foundation
#endif

/// What a worker remembers from one run to the next, in a file (`worker_state_db`): which tasks are not to run, and its clock.
struct StateFile: Sendable {
    /// After a change it is written within this, so that a worker that is killed forgets little.
    static let interval = Duration.seconds(5)
    private static let kind: JSONValue = "state of a swift-celery worker"

    let path: String
    let revoked: RevokedTasks
    let clock: LogicalClock
    let logger: Logger

    /// Reads it, if it is there, and sees whether it can be written.
    ///
    /// - Throws: ``CeleryError`` for a file that is none: what it holds would be lost.
    func load() throws {
        if FileManager.default.fileExists(atPath: path) {
            do {
                try read(Array(Data(contentsOf: URL(filePath: path))))
            } catch {
                throw problem(
                    "is not the state of a worker (\(error)): move it away, or name another one; what Python's worker "
                        + "writes cannot be read here")
            }
        }
        do { try write() } catch { throw problem("cannot be written (\(error))") }
    }

    private func problem(_ what: String) -> CeleryError {
        CeleryError(.invalidSetting, "the file of worker_state_db, \(LogText(path)), \(what)")
    }

    /// Writes it again and again, when something has changed, until cancelled.
    func run() async {
        var written = revoked.changes
        while true {
            do { try await Task.sleep(for: Self.interval) } catch { return }
            let changes = revoked.changes
            if changes != written, save() { written = changes }
        }
    }

    /// Writes it; whether that went well. The log says if not.
    @discardableResult
    func save() -> Bool {
        do {
            try write()
            return true
        } catch {
            logger.error(
                "the worker's state cannot be written: what is revoked is forgotten when the worker ends",
                metadata: ["file": "\(LogText(path))", LoggingKeys.error: "\(LogText(error))"])
            return false
        }
    }

    /// In a new file that takes the place of the old one: whatever happens meanwhile, one of both is there and whole.
    private func write() throws {
        try Data(content(at: .now, Date()).serialized()).write(to: URL(filePath: path), options: .atomic)
    }

    func content(at now: ContinuousClock.Instant, _ date: Date) -> JSONObject {
        let known = revoked.known(at: now)
        var times: JSONObject = [:]
        for (id, age) in known.ids { times[id] = .double(date.timeIntervalSince1970 - age.inSeconds) }
        var stamps: JSONObject = [:]
        for (header, values) in known.stamps { stamps[header] = .array(Array(values)) }
        return [
            "kind": Self.kind, "version": 1, "clock": .integer(clock.current), "revoked": .object(times),
            "stamps": .object(stamps),
        ]
    }

    private func read(_ bytes: [UInt8]) throws {
        func invalid(_ what: String) -> CeleryError { CeleryError(.invalidSetting, what) }
        guard let content = try JSONValue(json: bytes).objectValue, content["kind"] == Self.kind else {
            throw invalid("it does not say so")
        }
        guard content["version"] == 1 else { throw invalid("it is of a later version") }
        guard let clock = content["clock"]?.integerValue, let times = content["revoked"]?.objectValue,
            let stamps = content["stamps"]?.objectValue
        else { throw invalid("parts of it are missing") }
        let (now, date) = (ContinuousClock.now, Date().timeIntervalSince1970)
        let ages = try times.map { id, time in
            guard let time = time.doubleValue, let age = Duration(seconds: date - time) else {
                throw invalid("a time is no number")
            }
            return (id: id, time: now - max(age, .zero))
        }
        for (id, time) in ages.sorted(by: { $0.time < $1.time }) { revoked.add([id], at: time) }
        revoked.add(
            stamps: try stamps.map { header, values in
                guard let values = values.arrayValue else { throw invalid("a stamp has no values") }
                return (header, values)
            })
        self.clock.adjust(clock)
    }
}
