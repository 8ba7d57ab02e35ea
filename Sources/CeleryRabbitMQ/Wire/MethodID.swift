/// AMQP's methods, by class and number: those that this package sends, and those that it gets.
enum MethodID: UInt32, Sendable {
    case connectionClose = 0x000A_0032
    case connectionCloseOK = 0x000A_0033
    case connectionBlocked = 0x000A_003C
    case connectionUnblocked = 0x000A_003D
    case channelOpen = 0x0014_000A
    case channelOpenOK = 0x0014_000B
    case channelFlow = 0x0014_0014
    case channelFlowOK = 0x0014_0015
    case channelClose = 0x0014_0028
    case channelCloseOK = 0x0014_0029
    case exchangeDeclare = 0x0028_000A
    case exchangeDeclareOK = 0x0028_000B
    case queueDeclare = 0x0032_000A
    case queueDeclareOK = 0x0032_000B
    case queuePurge = 0x0032_001E
    case queuePurgeOK = 0x0032_001F
    case queueDelete = 0x0032_0028
    case queueBind = 0x0032_0014
    case queueBindOK = 0x0032_0015
    case confirmSelect = 0x0055_000A
    case confirmSelectOK = 0x0055_000B
    case basicQos = 0x003C_000A
    case basicQosOK = 0x003C_000B
    case basicConsume = 0x003C_0014
    case basicConsumeOK = 0x003C_0015
    case basicCancel = 0x003C_001E
    case basicCancelOK = 0x003C_001F
    case basicPublish = 0x003C_0028
    case basicReturn = 0x003C_0032
    case basicDeliver = 0x003C_003C
    case basicAck = 0x003C_0050
    case basicReject = 0x003C_005A
    case basicNack = 0x003C_0078
}
