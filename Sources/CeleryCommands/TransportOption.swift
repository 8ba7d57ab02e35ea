internal import ArgumentParser

/// One of Celery's `broker_transport_options` on a command line: `name=value`.
struct TransportOption: ExpressibleByArgument, Equatable {
    let name: String
    let value: String

    init(name: String, value: String) {
        self.name = name
        self.value = value
    }

    init?(argument: String) {
        guard let mark = argument.firstIndex(of: "="), mark > argument.startIndex else { return nil }
        name = String(argument[..<mark])
        value = String(argument[mark...].dropFirst())
    }
}
