import Crypto
import Foundation
import Synchronization

/// Access tokens that were found good, so that a program which sends the same one with each request is checked once.
///
/// An entry holds only with the very keys that it was checked with, and never past its times: whoever asks checks both.
/// Tokens are kept as their SHA-256, as they are secrets. Only good ones come in, so nobody without a key can fill it.
package final class VerifiedTokens: Sendable {
    struct Entry: Sendable {
        let caller: Caller
        let lifetime: TokenLifetime
        /// The `kid` of the token.
        let keyID: String?
        /// What the signature was checked with.
        let keys: TokenKeySet
    }

    private struct State {
        /// Used of late.
        var young: [SHA256.Digest: Entry] = [:]
        /// Used before `young` was begun.
        var old: [SHA256.Digest: Entry] = [:]
    }

    /// Half of what there may be.
    private let generation: Int
    private let state = Mutex(State())

    /// Makes an empty one.
    ///
    /// - Parameter capacity: Most entries, at least 2; some 200 bytes each. Those that nobody has used for longest go first.
    init(capacity: Int = 8_192) {
        generation = capacity / 2
    }

    var count: Int { state.withLock { $0.young.count + $0.old.count } }

    /// What is known of a token; `nil` when it was never found good, or long ago.
    func entry(of token: String) -> Entry? {
        let digest = Self.digest(token)
        return state.withLock { state in
            if let entry = state.young[digest] { return entry }
            guard let entry = state.old.removeValue(forKey: digest) else { return nil }
            insert(entry, for: digest, in: &state)
            return entry
        }
    }

    /// Takes note of a token that was found good.
    func note(_ token: String, _ entry: Entry) {
        let digest = Self.digest(token)
        state.withLock { state in
            state.old[digest] = nil
            insert(entry, for: digest, in: &state)
        }
    }

    private func insert(_ entry: Entry, for digest: SHA256.Digest, in state: inout State) {
        if state.young.count >= generation {
            state.old = state.young
            state.young.removeAll(keepingCapacity: true)
        }
        state.young[digest] = entry
    }

    private static func digest(_ token: String) -> SHA256.Digest {
        var token = token
        return token.withUTF8 { SHA256.hash(data: UnsafeRawBufferPointer($0)) }
    }
}
