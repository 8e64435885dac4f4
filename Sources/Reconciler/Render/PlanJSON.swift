import Calendar
import Foundation
public import JSON
import Spec
import Store

extension Plan {
    /// The plan as JSON, which the history stores.
    ///
    /// Later versions may add fields to `formatVersion` 1, but never change or remove one.
    public var json: JSONValue {
        let heirs = heirs
        return json(changes: changes.map { $0.json(heirs: heirs[$0.identity] ?? []) })
    }

    /// Returns the plan as JSON for reviewers, which also has the lines of each difference as people see them.
    ///
    /// - Parameter isFull: True for the differences of creates and deletes too, and for lines that are not cut.
    /// - Returns: The JSON.
    public func reviewJSON(isFull: Bool) -> JSONValue {
        let heirs = heirs
        return json(changes: changes.map { $0.reviewJSON(heirs: heirs[$0.identity] ?? [], isFull: isFull) })
    }

    private func json(changes: [JSONValue]) -> JSONValue {
        var fields: [String: JSONValue] = [
            "formatVersion": .integer(Self.formatVersion),
            "digest": .string(digest),
            "database": .string(database),
            "baseHistoryId": .integer(baseHistoryID),
            "counts": [
                "create": .integer(creates), "update": .integer(updates), "delete": .integer(deletes),
                "inherited": .integer(inherited),
            ],
            "changes": .array(changes),
            "unmanaged": .object(
                Dictionary(uniqueKeysWithValues: unmanagedCounts.map { ($0.key.rawValue, .integer($0.value)) })
            ),
            "uncountedCampaigns": .integer(uncountedCampaigns),
        ]
        if !templates.isEmpty { fields["templates"] = .array(templates.map(\.json)) }
        if !accountRemarks.isEmpty { fields["accountRemarks"] = .array(accountRemarks.map(JSONValue.string)) }
        if !brokenLimits.isEmpty {
            fields["brokenLimits"] = .array(
                brokenLimits.map { ["message": .string($0.reason), "allowance": .string("\($0.grant)")] }
            )
        }
        return .object(fields)
    }

    /// Returns the plan as JSON, with the limits that were stored with it and the refusals that flags allowed.
    func record(allowing grants: [PolicyGrant], _ allowances: [SafetyRefusal]) -> JSONValue {
        guard var fields = json.objectValue else { return json }
        if !grants.isEmpty { fields["allowedPolicies"] = .array(grants.map { .string("\($0)") }) }
        if !allowances.isEmpty { fields["allowances"] = .array(allowances.map(\.json)) }
        return .object(fields)
    }
}

extension SafetyRefusal {
    /// The refusal as JSON.
    public var json: JSONValue {
        ["code": .string(code), "message": .string(reason), "flag": .string(flag)]
    }
}

extension PlannedChange {
    fileprivate func reviewJSON(heirs: [PlannedChange], isFull: Bool) -> JSONValue {
        let json = json(heirs: heirs)
        guard var object = json.objectValue else { return json }
        let differences = PlanLines.differences(of: self, isFull: isFull)
        let shown = PlanLines.shown(differences, isFull: isFull)
        object["differences"] = .array(
            zip(differences, shown).map { difference, shown in
                var fields = difference.json.objectValue ?? [:]
                fields["lines"] = .array(shown.lines.map(\.json))
                fields["omittedLines"] = shown.leftOut > 0 ? .integer(shown.leftOut) : nil
                return .object(fields)
            }
        )
        return .object(object)
    }

    /// Returns the change as JSON, with the names of the specs that inherit it.
    fileprivate func json(heirs: [PlannedChange]) -> JSONValue {
        var object: [String: JSONValue] = [
            "action": .string(action.rawValue),
            "id": .string(identity.description),
            "tenant": .string(identity.tenant),
            "kind": .string(identity.kind.rawValue),
            "name": .string(identity.name),
            "differences": .array(differences.map(\.json)),
            "notes": .array(notes.map(JSONValue.string)),
        ]
        object["before"] = before
        object["after"] = after
        object["renamedFrom"] = renamedFrom.map { .string($0.name) }
        object["place"] = place.map { place in
            [
                "file": .string(place.file), "line": .integer(place.start.line),
                "column": .integer(place.start.column),
            ]
        }
        object["impact"] = impact?.json
        object["eventCost"] = eventCost?.json
        object["isAdoption"] = isAdoption ? true : nil
        object["inheritedFrom"] = isInherited ? .array(inheritedFrom.map { .string($0.description) }) : nil
        object["inheritedBy"] = heirs.isEmpty ? nil : .array(heirs.map { .string($0.identity.description) })
        if !retentionLosses.isEmpty {
            object["retentionLosses"] = .array(
                retentionLosses.map { loss in
                    var object: [String: JSONValue] = ["kind": .string(loss.kind.rawValue)]
                    object["rows"] = loss.rows.map(JSONValue.integer)
                    return .object(object)
                }
            )
        }
        object["zones"] = zones?.json
        object["fireTimes"] = fireTimes.map { times in
            var fields: [String: JSONValue] = [
                "before": .array(times.before.map { .string(Self.instant($0)) }),
                "after": .array(times.after.map { .string(Self.instant($0)) }),
            ]
            guard let zone = times.zone else { return .object(fields) }
            func local(_ date: Date) -> JSONValue { .string(LocalDateTime(date, in: zone).description) }
            fields["timeZone"] = .string(zone.identifier)
            fields["localBefore"] = .array(times.before.map(local))
            fields["localAfter"] = .array(times.after.map(local))
            return .object(fields)
        }
        return .object(object)
    }

    /// Writes a time in UTC, such as `2026-12-01T09:00:00Z`.
    private static func instant(_ date: Date) -> String {
        date.formatted(Date.ISO8601FormatStyle())
    }
}

extension FieldDifference {
    fileprivate var json: JSONValue {
        var object: [String: JSONValue] = ["path": .string(path), "isDrift": .bool(isDrift)]
        object["before"] = before
        object["after"] = after
        return .object(object)
    }
}

extension DifferenceLine {
    fileprivate var json: JSONValue {
        [
            "sign": .string(sign.rawValue),
            "parts": .array(parts.map { ["text": .string($0.text), "isChanged": .bool($0.isChanged)] }),
        ]
    }
}

extension CampaignImpact {
    fileprivate var json: JSONValue {
        var object: [String: JSONValue] = [
            "recipients": .integer(recipients),
            "inWindow": .integer(inWindow),
            "outOfWindow": .integer(outOfWindow),
            "ratePerSecond": .integer(ratePerSecond),
            "estimatedSeconds": .integer(Int(estimatedSeconds.rounded(.up))),
            "isBroadcast": .bool(isBroadcast),
        ]
        object["unreachable"] = unreachable > 0 ? .integer(unreachable) : nil
        if leftOut.total > 0 { object["leftOut"] = leftOut.json }
        object["funnel"] = funnel?.json
        object["dailyLimit"] = dailyLimit.map(JSONValue.integer)
        object["isLimitedByWhatsApp"] = isLimitedByWhatsApp ? true : nil
        object["quotaLeft"] = quotaLeft.map(JSONValue.integer)
        object["warning"] = warning.map(JSONValue.string)
        object["cost"] = cost?.json
        object["languages"] = languages?.json
        return .object(object)
    }
}
