import Foundation
import JSON
import Spec
import Store

/// The numbers of a campaign as people ask for them, from the counters of its runs.
///
/// A message has one status, and each status counts messages that have got no further: `delivered` are those not read
/// yet. `sent` is the exception, because it is what rates are measured against: it counts every message that WhatsApp
/// accepted and that did not fail later, so `sent` ≥ `delivered` + `read`, and no rate passes 100. `queued` includes
/// messages whose request is under way. What was cancelled or stayed unconfirmed is in `total` only.
struct DeliveryMetrics: Hashable, Sendable {
    let counters: RunCounters

    var total: Int { counters.total }
    var pending: Int { counters[.pending] }
    var queued: Int { counters[.queued] + counters[.sending] }
    var sent: Int { counters.accepted }
    var delivered: Int { counters[.delivered] }
    var read: Int { counters[.read] }
    var failed: Int { counters[.failed] }

    /// (delivered + read) / sent, in percent.
    var deliveryRate: Double { Self.percent(delivered + read, of: sent) }
    /// read / sent, in percent.
    var readRate: Double { Self.percent(read, of: sent) }
    /// failed / total, in percent.
    var failureRate: Double { Self.percent(failed, of: total) }

    /// With two decimals; of nothing, it is 0.
    static func percent(_ part: Int, of whole: Int) -> Double {
        whole > 0 ? (Double(part) / Double(whole) * 10_000).rounded() / 100 : 0
    }

    var json: JSONValue {
        [
            "total": .integer(total), "pending": .integer(pending), "queued": .integer(queued), "sent": .integer(sent),
            "delivered": .integer(delivered), "read": .integer(read), "failed": .integer(failed),
            "deliveryRate": .number(deliveryRate), "readRate": .number(readRate), "failureRate": .number(failureRate),
        ]
    }
}
