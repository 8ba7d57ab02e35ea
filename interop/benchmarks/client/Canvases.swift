import Celery

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Sends canvases of the shapes and sizes that the lines of its input name: `chord 1000`, say, or `chord 1000 unheard`. It
/// answers `sent` when one has been sent, and, if it is heard, a line of JSON when its value is there.
struct Canvases {
    let client: CeleryClient
    let queue: String
    /// Takes two numbers; of a chain the first one is what comes before.
    let task: String
    /// Takes a list of numbers: the body of a chord.
    let body: String

    func run() async throws {
        announce("ready")
        while let line = readLine() {
            let words = line.split(separator: " ")
            guard words.count >= 2, let size = Int(words[1]) else {
                throw BenchError(description: "\(line) is no shape and size")
            }
            try await run(String(words[0]), size, isHeard: words.count == 2)
        }
    }

    private func run(_ shape: String, _ size: Int, isHeard: Bool) async throws {
        let clock = ContinuousClock()
        let (begin, cpu) = (clock.now, CPUTime.now)
        let handle = try await client.enqueue(canvas(shape, size))
        let (sent, sentCPU) = (clock.now, CPUTime.now)
        announce("sent")
        guard isHeard else { return }
        let value = try await handle.value()
        let expected = shape == "chain" ? Double(size + 1) : Double(size * (size + 1) / 2)
        guard value.doubleValue == expected else {
            throw BenchError(description: "\(value) instead of \(expected)")
        }
        announce(
            """
            {"sending": \((sent - begin) / .seconds(1)), "seconds": \((clock.now - begin) / .seconds(1)), \
            "sending cpu": \(sentCPU - cpu)}
            """)
    }

    /// Making it is a part of sending it.
    private func canvas(_ shape: String, _ size: Int) throws -> Signature<JSONValue> {
        switch shape {
        case "chain": chain(of: size - 1, after: call(1, 1))
        case "chord": group((0..<size).map { call($0, 1) }).then(total)
        case "chains": group((0..<size).map { chain(of: 1, after: call($0, 1)) }).then(total)
        case "chords": chords(size)
        default: throw BenchError(description: "\(shape) is neither chain nor chord nor chains nor chords")
        }
    }

    private var options: SendOptions { SendOptions(queue: queue) }

    private var total: Partial<[JSONValue], JSONValue> {
        Partial(task: body).options(options)
    }

    private func call(_ x: Int, _ y: Int) -> Signature<JSONValue> {
        Signature(task: task, arguments: [.integer(x), .integer(y)]).options(options)
    }

    private func chain(of count: Int, after first: Signature<JSONValue>) -> Signature<JSONValue> {
        let next = Partial<JSONValue, JSONValue>(task: task, arguments: [1]).options(options)
        return (0..<count).reduce(first) { chain, _ in chain.then(next) }
    }

    /// A chord whose header has a chord, and so on.
    private func chords(_ depth: Int) -> Signature<JSONValue> {
        (1..<max(1, depth)).reduce(group(call(1, 1), call(1, 1)).then(total)) { inner, _ in
            group(inner, call(1, 1)).then(total)
        }
    }

    /// At once: the output is a pipe.
    private func announce(_ line: String) {
        print(line)
        fflush(nil)
    }
}
