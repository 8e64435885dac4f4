/// How often one recipient was asked for and accepted; 8 bytes, because there are millions.
struct RecipientTally: Sendable {
    var requests: UInt32 = 0
    var accepted: UInt32 = 0
}
