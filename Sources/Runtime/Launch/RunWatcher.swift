import Logging
package import Postgres
import ServiceLifecycle
import Store

/// Passes on to this daemon's services what happened in Postgres: that a run became ready, was paused, resumed or ended,
/// or that a schedule got another time.
package struct RunWatcher: Service {
    let pool: PostgresPool
    /// Whom to tell, by NOTIFY channel.
    let listeners: [String: [WakeSignal]]

    package init(pool: PostgresPool, listeners: [String: [WakeSignal]]) {
        self.pool = pool
        self.listeners = listeners
    }

    func run() async {
        await cancelWhenGracefulShutdown {
            for await event in self.pool.listen(self.listeners.keys.sorted()) {
                let listeners =
                    switch event {
                    case .notification(let notification): self.listeners[notification.channel] ?? []
                    // Whatever was said meanwhile is lost, so everybody looks.
                    default: self.listeners.values.flatMap { $0 }
                    }
                for listener in listeners { listener.notify() }
            }
        }
    }
}
