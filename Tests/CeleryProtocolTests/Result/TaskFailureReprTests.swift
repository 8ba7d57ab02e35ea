import CeleryProtocol
import Testing

/// What Python prints of an exception that was read from a result; the expected texts are those of Celery 5.7.
@Suite struct TaskFailureReprTests {
    @Test(arguments: [
        (TaskFailure(type: "ValueError", message: "x"), "ValueError('x')"),
        (TaskFailure(type: "RetryTests.Flaky", module: "swift.X", message: "not yet"), "Flaky('not yet')"),
        (TaskFailure(type: "X", arguments: []), "X()"),
        (TaskFailure(type: "Foo", module: "no.such", arguments: [1.5, nil, ["a": 1]]), "Foo(1.5, None, {'a': 1})"),
        (
            TaskFailure(type: "NotRegistered", module: "celery.exceptions", message: "foo.bar"),
            "Task of kind 'foo.bar' never registered, please make sure it's imported."
        ),
        (
            TaskFailure(type: "Reject", module: "celery.exceptions", arguments: ["no", false]),
            "reject requeue=False: no"
        ),
        (TaskFailure(type: "NotRegistered", message: "mine"), "NotRegistered('mine')"),
    ])
    func itIsThatOfPython(failure: TaskFailure, expected: String) {
        #expect(failure.repr == expected)
    }
}
