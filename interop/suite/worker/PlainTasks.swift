import Celery

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Tasks that look at nothing but their arguments.
enum PlainTasks {
    static let x = Parameter("x", as: JSONValue.self)
    static let y = Parameter("y", as: JSONValue.self)

    @TaskHandlerBuilder static var handlers: [TaskHandler] {
        arithmetic
        sums
        failures
        others
    }

    @TaskHandlerBuilder private static var arithmetic: [TaskHandler] {
        TaskHandler(
            TaskDefinition(
                Suite.name("add"), x, y, Parameter("z", default: JSONValue.null), returning: JSONValue.self)
        ) { _, x, y, z in
            let sum = try PythonSum.of(x, y)
            return z.isTruthy ? try PythonSum.of(sum, z) : sum
        }
        sum("add_not_typed")
        sum("add_ignore_result", TaskOptions(ignoreResult: true))
        sum("add_with_result", TaskOptions(ignoreResult: false))
        TaskHandler(
            TaskDefinition(
                Suite.name("mul"), Parameter("x", as: Int.self), Parameter("y", as: Int.self), returning: Int.self)
        ) { _, x, y in x * y }
        // What Python's side makes models of.
        for function in ["add_pydantic", "add_pydantic_string_annotations"] {
            TaskHandler(
                TaskDefinition(
                    Suite.name(function), Parameter("data", as: Summands.self), returning: [String: Int].self)
            ) { _, data in ["result": data.x + data.y] }
        }
    }

    private struct Summands: Codable, Sendable {
        let x: Int
        let y: Int
    }

    private static func sum(_ function: String, _ options: TaskOptions = .init()) -> TaskHandler {
        TaskHandler(TaskDefinition(Suite.name(function), x, y, returning: JSONValue.self), options: options) {
            _, x, y in
            try PythonSum.of(x, y)
        }
    }

    @TaskHandlerBuilder private static var sums: [TaskHandler] {
        let numbers = Parameter("nums", as: [JSONValue].self)
        TaskHandler(TaskDefinition(Suite.name("tsum"), numbers, returning: JSONValue.self)) { _, numbers in
            try PythonSum.of(numbers)
        }
        TaskHandler(TaskDefinition(Suite.name("xsum"), numbers, returning: JSONValue.self)) { _, numbers in
            try PythonSum.of(numbers.map { if case .array(let inner) = $0 { try PythonSum.of(inner) } else { $0 } })
        }
        let pause = Parameter("pause_time", default: 1.0)
        TaskHandler(
            TaskDefinition(
                Suite.name("delayed_sum"), Parameter("numbers", as: [JSONValue].self), pause, returning: JSONValue.self)
        ) { _, numbers, pause in
            try await Task.sleep(for: .seconds(pause))
            return try PythonSum.of(numbers)
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("delayed_sum_with_soft_guard"), Parameter("numbers", as: [JSONValue].self), pause,
                returning: JSONValue.self)
        ) { context, numbers, pause in
            do {
                try await Task.sleep(for: .seconds(pause))
            } catch is CancellationError {
                // At the soft limit the task ends with what it has.
                guard case .softTimeLimit? = context.cancellationReason else { throw CancellationError() }
                return 0
            }
            return try PythonSum.of(numbers)
        }
    }

    @TaskHandlerBuilder private static var failures: [TaskHandler] {
        TaskHandler(positional: "raise_error") { _, _ in
            throw TaskFailure(type: "ValueError", message: "deliberate error")
        }
        TaskHandler(positional: "fail") { _, arguments in
            throw Suite.expectedException(["Task expected to fail"] + arguments)
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("fail_unpickleable"), Parameter("foo", as: JSONValue.self),
                Parameter("bar", as: JSONValue.self))
        ) { _, foo, _ in throw Suite.unpickleableException(foo) }
    }

    @TaskHandlerBuilder private static var others: [TaskHandler] {
        TaskHandler(TaskDefinition(Suite.name("identity"), x, returning: JSONValue.self)) { _, x in x }
        TaskHandler(named: Suite.name("sleeping")) { _, arguments, keywords in
            guard let seconds = (arguments.first ?? keywords["i"])?.doubleValue else {
                throw TaskFailure(type: "TypeError", message: "sleeping() takes a number of seconds")
            }
            try await Task.sleep(for: .seconds(seconds))
            return .null
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("print_unicode"), Parameter("log_message", default: "håå®ƒ valmuefrø"),
                Parameter("print_message", default: "hiöäüß"))
        ) { context, logged, printed in
            context.logger.warning("\(logged)")
            print(printed)
        }
        TaskHandler(
            TaskDefinition(
                Suite.name("return_exception"), Parameter("e", as: JSONValue.self), returning: JSONValue.self)
        ) { _, error in [error, true] }
        TaskHandler(
            TaskDefinition(
                Suite.name("write_to_file_and_return_int"), Parameter("file_name", as: String.self),
                Parameter("i", as: Int.self), returning: Int.self)
        ) { _, path, number in
            // One task at a time: nobody else writes meanwhile.
            let before = FileManager.default.contents(atPath: path) ?? Data()
            try (before + Data("\(number)\n".utf8)).write(to: URL(filePath: path))
            return number
        }
        TaskHandler(TaskDefinition(Suite.name("replaced_with_me"), returning: Bool.self)) { _ in true }
    }
}
