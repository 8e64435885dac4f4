import Dispatch
import NIOCertificateReloading
import ServiceLifecycle

/// Reads the certificate again and again while the daemon runs.
///
/// The reloader's own loop would read and parse on the cooperative pool, where a slow disk holds everything up; this one
/// does it on a queue. The first reading is behind it; a graceful shutdown ends after the one at hand.
struct CertificateRenewal: Service {
    let reloader: TimedCertificateReloader
    let interval: Duration
    private let queue = DispatchQueue(label: "campaignd.certificate")
    private let clock = ContinuousClock()

    init(reloader: TimedCertificateReloader, interval: Duration) {
        self.reloader = reloader
        self.interval = interval
    }

    func run() async {
        while true {
            // Ends early by shutdown or cancellation only.
            try? await cancelWhenGracefulShutdown { try await clock.sleep(for: interval) }
            if Task.isShuttingDownGracefully || Task.isCancelled { return }
            await withCheckedContinuation { continuation in
                queue.async {
                    // Whoever made the reloader has been told already, and the former pair stays.
                    try? reloader.reload()
                    continuation.resume()
                }
            }
        }
    }
}
