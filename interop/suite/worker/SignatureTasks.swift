import Celery
import CeleryProtocol

/// Tasks that read and write signatures.
enum SignatureTasks {
    /// As the suite's tasks build them: a call without arguments in two of chain, group and chord.
    private static let kinds: [(name: String, build: @Sendable ([CanvasNode]) throws -> CanvasNode)] = [
        ("chain", { try CanvasNode.chain($0) }),
        ("group", { CanvasNode.group($0) }),
        ("chord", { CanvasNode.chord($0, call("add")) }),
    ]

    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        for outer in kinds {
            for inner in kinds {
                TaskHandler(
                    TaskDefinition(
                        Suite.name("return_nested_signature_\(outer.name)_\(inner.name)"), returning: JSONValue.self)
                ) { _ in try outer.build([inner.build([call("add")])]).json }
            }
        }
        TaskHandler(
            TaskDefinition(Suite.name("rebuild_signature"), Parameter("sig_dict", as: JSONValue.self))
        ) { _, signature in
            do {
                _ = try CanvasNode(signature)
            } catch {
                throw TaskFailure(type: "TypeError", message: "\(error)")
            }
        }
    }

    /// A call of one of the suite's tasks.
    static func call(
        _ function: String, _ arguments: JSONValue..., keywords: JSONObject = [:], isImmutable: Bool = false
    ) -> CanvasNode {
        CanvasNode(task: Suite.name(function), args: arguments, kwargs: keywords, isImmutable: isImmutable)
    }
}
