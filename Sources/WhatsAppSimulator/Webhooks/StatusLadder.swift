/// Decides which statuses a message gets, when, and what happens to them on their way.
struct StatusLadder: Sendable {
    let configuration: WebhookConfiguration
    let dice: Dice

    /// The statuses of the message that is the `attempt`-th request of its recipient, the first one first; never empty.
    func rungs(for message: AdmittedMessage, attempt: UInt64, faults: SimulatorFaults, failure: Int?)
        -> [PendingMessage.Rung]
    {
        let roll = { (purpose: Dice.Purpose, index: Int) in
            dice.roll(purpose, recipient: message.recipient.key, attempt: attempt, index: index)
        }
        var rungs = plainRungs(failure: failure, roll: roll)
        if faults.webhooks.reorderedShare > 0, roll(.reordered, 0) < faults.webhooks.reorderedShare {
            let statuses = rungs.map(\.status)
            for (index, status) in statuses.reversed().enumerated() { rungs[index].status = status }
        }
        for index in rungs.indices {
            rungs[index].isDropped = roll(.dropped, index) < faults.webhooks.droppedShare
            rungs[index].isDuplicated = roll(.duplicated, index) < faults.webhooks.duplicatedShare
            if roll(.delayed, index) < faults.webhooks.delayedShare {
                rungs[index].delay += Int64(faults.webhooks.delaySeconds * 1e9)
            }
        }
        return rungs
    }

    private func plainRungs(failure: Int?, roll: (Dice.Purpose, Int) -> Double) -> [PendingMessage.Rung] {
        let sent = PendingMessage.Rung(status: .sent, delay: delay(configuration.sentDelay, roll(.sentDelay, 0)))
        let second = delay(configuration.deliveredDelay, roll(.deliveredDelay, 0))
        // One roll divides all messages into failed, read, delivered only, and sent only.
        let outcome = roll(.outcome, 0)
        if failure != nil || outcome < configuration.failedShare {
            return [sent, .init(status: .failed(code: failure ?? configuration.failedCode), delay: second)]
        }
        guard outcome < configuration.failedShare + configuration.deliveredShare else { return [sent] }
        let delivered = PendingMessage.Rung(status: .delivered, delay: second)
        guard outcome < configuration.failedShare + configuration.readShare else { return [sent, delivered] }
        let third = delay(configuration.readDelay, roll(.readDelay, 0))
        if roll(.omittedDelivered, 0) < configuration.omittedDeliveredShare {
            return [sent, .init(status: .read, delay: second + third)]
        }
        return [sent, delivered, .init(status: .read, delay: third)]
    }

    private func delay(_ range: ClosedRange<Duration>, _ roll: Double) -> Int64 {
        let lower = range.lowerBound.nanoseconds
        return lower + Int64(Double(range.upperBound.nanoseconds - lower) * roll)
    }
}
