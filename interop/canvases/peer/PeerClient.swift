import Celery
import CeleryProtocol

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Sends the canvases whose descriptions it reads, one a line, and prints the tree of results of each.
struct PeerClient {
    let client: CeleryClient

    func run() async throws {
        while let line = readLine() {
            guard let order = try JSONValue(json: line).objectValue, let run = order["run"]?.stringValue else {
                throw DescriptionError(description: "\(line) is no order")
            }
            var answer: JSONObject = ["run": .string(run)]
            do {
                answer["tree"] = try await client.enqueue(try canvas(order["canvas"], run))?.json ?? .null
            } catch {
                answer["error"] = .string("\(error)")
            }
            print(String(decoding: answer.serialized(), as: UTF8.self))
            fflush(nil)
        }
    }

    /// What users would send, where they have the words for it.
    private func canvas(_ description: JSONValue?, _ run: String) throws -> CanvasNode {
        switch WorkflowReader(run: run).workflow(description) {
        case .one(let signature)?: try signature.canvas()
        case .group(let group)?: try group.canvas()
        case nil: try CanvasReader(run: run).canvas(description)
        }
    }
}
