/// An accepted message with the statuses that are still to come.
struct PendingMessage: Sendable {
    enum Status: Hashable, Sendable {
        case sent, delivered, read
        case failed(code: Int)
    }

    /// One status to come: how long after the one before, and what happens to it on its way.
    struct Rung: Hashable, Sendable {
        var status: Status
        var delay: Int64
        var isDropped = false
        var isDuplicated = false
    }

    /// What every status of the message tells; shared, because it waits more than once.
    final class Subject: Sendable {
        let wamid: String
        let phoneNumberID: String
        let message: AdmittedMessage

        init(wamid: String, phoneNumberID: String, message: AdmittedMessage) {
            self.wamid = wamid
            self.phoneNumberID = phoneNumberID
            self.message = message
        }
    }

    let subject: Subject
    /// The time of the next status, in monotonic nanoseconds.
    var due: Int64
    /// The next status.
    var next: Rung
    /// The statuses after it, the last one first.
    var later: [Rung]
}

/// One status of one message, ready to be told.
struct StatusEvent: Sendable {
    let subject: PendingMessage.Subject
    let status: PendingMessage.Status
}
