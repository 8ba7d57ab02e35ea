import CeleryProtocol
import Testing

@testable import Celery

struct RevokedTasksTests {
    private func request(_ id: String, stamps: JSONObject = [:]) -> TaskRequest {
        var request = TaskRequest(task: "tasks.add", id: id)
        request.stamps = stamps
        return request
    }

    @Test func anIDIsRememberedForThreeHours() {
        let revoked = RevokedTasks()
        let now = ContinuousClock.now
        #expect(!revoked.contains(request("a")))
        revoked.add(["a"], at: now)
        #expect(revoked.contains(request("a"), at: now + .seconds(10_800)))
        #expect(!revoked.contains(request("b"), at: now))
        #expect(!revoked.contains(request("a"), at: now + .seconds(10_801)))
    }

    @Test func theOldestAreForgottenWhenThereAreTooMany() {
        let revoked = RevokedTasks()
        revoked.add((0..<50_002).map { String($0) })
        #expect(!revoked.contains(request("1")))
        #expect(revoked.contains(request("2")))
        #expect(revoked.contains(request("50001")))
        #expect(revoked.ids.count == 50_000)
    }

    @Test func whatIsRevokedAgainIsAsNew() {
        let revoked = RevokedTasks()
        let now = ContinuousClock.now
        revoked.add(["a", "b"], at: now - .seconds(10))
        revoked.add(["a"], at: now)
        #expect(revoked.ids == ["b", "a"])
    }

    @Test func aStampIsOneOrOneOfSeveral() {
        let revoked = RevokedTasks()
        revoked.add(stamps: [("customer", ["gone", 7])])
        #expect(revoked.contains(request("a", stamps: ["customer": "gone"])))
        #expect(revoked.contains(request("a", stamps: ["customer": ["here", 7]])))
        #expect(!revoked.contains(request("a", stamps: ["customer": "here"])))
        #expect(!revoked.contains(request("a", stamps: ["shop": "gone"])))
    }
}
