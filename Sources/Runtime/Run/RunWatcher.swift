import Logging
import Postgres
import ServiceLifecycle
import Store

/// Passes on to this daemon's services that a run became ready, was paused, resumed or ended.
struct RunWatcher: Service {
    let pool: PostgresPool
    let listeners: [WakeSignal]

    func run() async {
        await cancelWhenGracefulShutdown {
            for await _ in self.pool.listen([RunRepository.channel]) {
                for listener in self.listeners { listener.notify() }
            }
        }
    }
}
