import Celery
import CeleryProtocol

/// Tasks that send others, those that add to their chord among them.
enum ChordTasks {
    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        let numbers = Parameter("nums", as: [JSONValue].self)
        let value = Parameter("val", as: JSONValue.self)
        TaskHandler(
            TaskDefinition(Suite.name("add_to_all_to_chord"), numbers, value, returning: Int.self)
        ) { context, numbers, value in
            for number in numbers { try await context.addToChord(SignatureTasks.call("add", number, value)) }
            return 0
        }
        TaskHandler(
            TaskDefinition(Suite.name("add_chord_to_chord"), numbers, value, returning: Int.self)
        ) { context, numbers, value in
            let sums = CanvasNode.group(numbers.map { SignatureTasks.call("add", $0, value) })
            try await context.addToChord(sums.then(SignatureTasks.call("tsum")))
            return 0
        }
        TaskHandler(TaskDefinition(Suite.name("build_chain_inside_task"), returning: JSONValue.self)) { context in
            let chain = try CanvasNode.chain([
                SignatureTasks.call("add", 1, 1), SignatureTasks.call("add", 2),
                .group([SignatureTasks.call("add", 3), SignatureTasks.call("add", 4)]), SignatureTasks.call("add", 5),
            ])
            return try await context.enqueue(chain)?.json ?? .null
        }
    }
}
