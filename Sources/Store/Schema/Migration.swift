import Crypto
import Foundation

/// One step of the schema, embedded in the binary from `Migrations/*.sql`.
public struct Migration: Sendable {
    /// The number that its file name starts with.
    public let version: Int
    public let name: String
    /// Sentences for the operator about what the step did; empty until it is applied.
    public internal(set) var notes: [String] = []
    let sql: String

    /// The SHA-256 of the file; an applied file must never change.
    public var checksum: String {
        SHA256.hash(data: Data(sql.utf8)).map { byte in
            let digits = String(byte, radix: 16)
            return digits.count == 1 ? "0" + digits : digits
        }.joined()
    }

    init(version: Int, name: String, bytes: [UInt8]) {
        self.version = version
        self.name = name
        sql = String(decoding: bytes, as: UTF8.self)
    }

    /// All steps, in the order in which they are applied.
    public static let all = [
        Migration(version: 1, name: "contact_uuid_key", bytes: PackageResources._001_contact_uuid_key_sql),
        Migration(
            version: 2,
            name: "contact_campaign_fields",
            bytes: PackageResources._002_contact_campaign_fields_sql
        ),
        Migration(version: 3, name: "campaign_tables", bytes: PackageResources._003_campaign_tables_sql),
        Migration(version: 4, name: "runs", bytes: PackageResources._004_runs_sql),
        Migration(version: 5, name: "reconcile_history", bytes: PackageResources._005_reconcile_history_sql),
        Migration(version: 6, name: "specs_of_all_kinds", bytes: PackageResources._006_specs_of_all_kinds_sql),
        Migration(version: 7, name: "reconcile_attempts", bytes: PackageResources._007_reconcile_attempts_sql),
        Migration(version: 8, name: "quota_and_quiet_hours", bytes: PackageResources._008_quota_and_quiet_hours_sql),
        Migration(
            version: 9,
            name: "schedules_and_triggers",
            bytes: PackageResources._009_schedules_and_triggers_sql
        ),
        Migration(version: 10, name: "api", bytes: PackageResources._010_api_sql),
        Migration(version: 11, name: "billing", bytes: PackageResources._011_billing_sql),
        Migration(version: 12, name: "delivery_guards", bytes: PackageResources._012_delivery_guards_sql),
        Migration(version: 13, name: "inbound", bytes: PackageResources._013_inbound_sql),
        Migration(version: 14, name: "counted_lists", bytes: PackageResources._014_counted_lists_sql),
        Migration(version: 15, name: "starts", bytes: PackageResources._015_starts_sql),
        Migration(version: 16, name: "healed_attempts", bytes: PackageResources._016_healed_attempts_sql),
        Migration(version: 17, name: "run_guards", bytes: PackageResources._017_run_guards_sql),
        Migration(version: 18, name: "contact_values", bytes: PackageResources._018_contact_values_sql),
        Migration(version: 19, name: "guards", bytes: PackageResources._019_guards_sql),
        Migration(version: 20, name: "waiting", bytes: PackageResources._020_waiting_sql),
        Migration(version: 21, name: "retries", bytes: PackageResources._021_retries_sql),
        Migration(version: 22, name: "daemon_numbers", bytes: PackageResources._022_daemon_numbers_sql),
        Migration(version: 23, name: "notifications", bytes: PackageResources._023_notifications_sql),
        Migration(version: 24, name: "user_cap", bytes: PackageResources._024_user_cap_sql),
        Migration(version: 25, name: "consent", bytes: PackageResources._025_consent_sql),
        Migration(version: 26, name: "identity", bytes: PackageResources._026_identity_sql),
        Migration(version: 27, name: "account_facts", bytes: PackageResources._027_account_facts_sql),
        Migration(
            version: 28,
            name: "webhook_forwarding",
            bytes: PackageResources._028_webhook_forwarding_sql
        ),
        Migration(version: 29, name: "erasure", bytes: PackageResources._029_erasure_sql),
        Migration(version: 30, name: "retention", bytes: PackageResources._030_retention_sql),
        Migration(version: 31, name: "responses", bytes: PackageResources._031_responses_sql),
        Migration(
            version: 32,
            name: "filters_and_environment",
            bytes: PackageResources._032_filters_and_environment_sql
        ),
        Migration(version: 33, name: "live_runs", bytes: PackageResources._033_live_runs_sql),
        Migration(version: 34, name: "run_minutes", bytes: PackageResources._034_run_minutes_sql),
        Migration(version: 35, name: "test_sends", bytes: PackageResources._035_test_sends_sql),
        Migration(version: 36, name: "local_times", bytes: PackageResources._036_local_times_sql),
        Migration(
            version: 37,
            name: "contact_quiet_hours",
            bytes: PackageResources._037_contact_quiet_hours_sql
        ),
        Migration(version: 38, name: "missed_zones", bytes: PackageResources._038_missed_zones_sql),
        Migration(version: 39, name: "accounts", bytes: PackageResources._039_accounts_sql),
        Migration(version: 40, name: "template_parts", bytes: PackageResources._040_template_parts_sql),
        Migration(version: 41, name: "costs", bytes: PackageResources._041_costs_sql),
        Migration(version: 42, name: "account_views", bytes: PackageResources._042_account_views_sql),
        Migration(
            version: 43,
            name: "template_submissions",
            bytes: PackageResources._043_template_submissions_sql
        ),
        Migration(version: 44, name: "media", bytes: PackageResources._044_media_sql),
        Migration(version: 45, name: "template_categories", bytes: PackageResources._045_template_categories_sql),
        Migration(version: 46, name: "waiting_starts", bytes: PackageResources._046_waiting_starts_sql),
        Migration(version: 47, name: "wishes_of_accounts", bytes: PackageResources._047_wishes_of_accounts_sql),
        Migration(version: 48, name: "suppressions_by_id", bytes: PackageResources._048_suppressions_by_id_sql),
        Migration(version: 49, name: "followed_categories", bytes: PackageResources._049_followed_categories_sql),
        Migration(version: 50, name: "schemas", bytes: PackageResources._050_schemas_sql),
    ]
}
