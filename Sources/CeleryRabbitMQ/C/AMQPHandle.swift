internal import CRabbitMQ
internal import CeleryIO
internal import CeleryTransport

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

/// librabbitmq's connection, for as long as the handshake takes: version, login, limits, virtual host.
///
/// What comes after the handshake is read and written frame by frame without the library. The library decodes nested
/// tables by recursion without a limit, so that one message with deeply nested headers, from whoever may publish,
/// would exhaust the stack of this connection's thread; and it would write each frame with a system call of its own.
struct AMQPHandle: ~Copyable {
    /// What client and server agreed on.
    struct Agreement: Sendable, Equatable {
        /// The largest frame, its eight bytes of frame included.
        var frameMax: Int
        /// The time between heartbeats; `nil` for none.
        var heartbeat: Duration?
        /// RabbitMQ's version, such as `3.10.8`; empty when the server did not say.
        var serverVersion: String
    }

    private let state: amqp_connection_state_t

    /// Lends the library a connected socket: it gets a duplicate of the descriptor and closes that one.
    init(duplicating socket: Int32) throws(TransportError) {
        guard let state = amqp_new_connection() else {
            throw TransportError(.unreachable, "there is no memory for a connection")
        }
        guard let wrapper = amqp_tcp_socket_new(state) else {
            amqp_destroy_connection(state)
            throw TransportError(.unreachable, "there is no memory for a connection")
        }
        let descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        guard descriptor >= 0 else {
            amqp_destroy_connection(state)
            throw TransportError(.unreachable, "there are no file descriptors left")
        }
        amqp_tcp_socket_set_sockfd(wrapper, descriptor)
        self.state = state
    }

    deinit { amqp_destroy_connection(state) }

    /// Runs the handshake. Blocks the thread, for at most `timeout` in each of its steps.
    ///
    /// - Parameter heartbeat: the seconds to propose; the server's own proposal counts if it is shorter.
    func login(
        to address: RabbitMQAddress,
        name: String,
        heartbeat: Int,
        timeout: Duration
    ) throws(TransportError) -> Agreement {
        var limit = timeval()
        limit.tv_sec = numericCast(timeout.components.seconds)
        amqp_set_handshake_timeout(state, &limit)
        amqp_set_rpc_timeout(state, &limit)
        let reply = celery_amqp_login(
            state,
            address.virtualHost,
            AMQP_DEFAULT_FRAME_SIZE,
            Int32(clamping: heartbeat),
            name,
            address.user,
            address.password
        )
        try check(reply, address: address)
        // The library may have read on; what it holds could not be had back as bytes.
        guard amqp_frames_enqueued(state) == 0, amqp_data_in_buffer(state) == 0 else {
            throw TransportError(.connectionLost, "\(address) sent something unexpected after the handshake")
        }
        let seconds = Int(amqp_get_heartbeat(state))
        return Agreement(
            frameMax: Int(amqp_get_frame_max(state)),
            heartbeat: seconds > 0 ? .seconds(seconds) : nil,
            serverVersion: serverVersion()
        )
    }

    private func check(_ reply: amqp_rpc_reply_t, address: RabbitMQAddress) throws(TransportError) {
        switch reply.reply_type {
        case AMQP_RESPONSE_NORMAL:
            return
        case AMQP_RESPONSE_SERVER_EXCEPTION:
            let isClose = MethodID(rawValue: reply.reply.id) == .connectionClose
            guard isClose, let close = reply.reply.decoded?.load(as: amqp_connection_close_t.self) else {
                throw TransportError(.unreachable, "\(address) ended the handshake")
            }
            let text = Redaction([address.password])(Self.string(close.reply_text))
            let fault = ServerFault(
                code: close.reply_code, text: text, method: MethodID(rawValue: reply.reply.id))
            throw TransportError(fault, loginTo: address)
        default:
            let status = reply.library_error
            let reason = String(cString: amqp_error_string2(status))
            if status == AMQP_STATUS_TIMEOUT.rawValue {
                throw TransportError(.unreachable, "\(address) did not complete the handshake in time")
            }
            if status == AMQP_STATUS_INCOMPATIBLE_AMQP_VERSION.rawValue || status == AMQP_STATUS_BAD_AMQP_DATA.rawValue
            {
                throw TransportError(.unreachable, "\(address) does not speak AMQP 0-9-1: \(reason)")
            }
            throw TransportError(.unreachable, "the handshake with \(address) failed: \(reason)")
        }
    }

    private func serverVersion() -> String {
        guard let properties = amqp_get_server_properties(state)?.pointee, let entries = properties.entries else {
            return ""
        }
        for entry in UnsafeBufferPointer(start: entries, count: Int(properties.num_entries))
        where Self.string(entry.key) == "version" && entry.value.kind == AMQP_FIELD_KIND_UTF8.rawValue {
            return Self.string(entry.value.value.bytes)
        }
        return ""
    }

    private static func string(_ bytes: amqp_bytes_t) -> String {
        String(decoding: UnsafeRawBufferPointer(start: bytes.bytes, count: bytes.len), as: UTF8.self)
    }
}
