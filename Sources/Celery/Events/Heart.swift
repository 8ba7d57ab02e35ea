internal import CeleryIO
internal import CeleryProtocol

/// Says that a worker is there, again and again: `worker-online`, `worker-heartbeat`, `worker-offline`.
struct Heart: Sendable {
    /// Celery's: monitors count a worker as gone when they have heard nothing for twice as long.
    static let usualInterval = Duration.seconds(2)

    let feed: EventFeed
    let interval: Duration
    let active: ActiveTasks
    let connection: ConnectionState

    /// Beats until cancelled, while there is a connection; when there is one again the worker has come anew, as in Celery.
    func run() async {
        while true {
            do { try await connection.opened.wait() } catch { return }
            await feed.send("worker-online", fields)
            while connection.isOpen {
                do { try await Task.sleep(for: interval) } catch { return }
                await feed.send("worker-heartbeat", fields)
            }
        }
    }

    /// Says goodbye.
    func end() async { await feed.send("worker-offline", fields) }

    private var fields: JSONObject {
        var fields: JSONObject = [
            "freq": .double(interval.inSeconds), "active": .integer(active.count),
            "processed": .integer(active.processed),
            "loadavg": .array(ResourceUsage.loadAverage.map { .double(($0 * 100).rounded() / 100) }),
        ]
        for (key, value) in SoftwareInfo.fields { fields.append(key, value) }
        return fields
    }
}
