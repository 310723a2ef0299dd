// WaitProbe: how long what is ready waits for one of an executor's threads. A timer shows it, since
// it waits in the same queue.
//
//   asio::co_spawn(io, probe.Run(stopping), asio::detached);
//   if (probe.millis() > 1000) …;      // more comes than the threads can do
//
// Thread safe.
#ifndef RECRYPT_SERVICE_WAIT_PROBE_H_
#define RECRYPT_SERVICE_WAIT_PROBE_H_

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>

namespace recrypt {

class WaitProbe {
 public:
  // Runs until `stopping`, which outlives it.
  boost::asio::awaitable<void> Run(const std::atomic<bool>& stopping);

  int64_t millis() const;

 private:
  using Clock = std::chrono::steady_clock;
  int64_t SinceDue() const { return Clock::now().time_since_epoch().count() - due_; }

  // In ticks of the clock.
  std::atomic<int64_t> due_ = Clock::now().time_since_epoch().count();
  std::atomic<int64_t> last_ = 0;
};

}  // namespace recrypt

#endif  // RECRYPT_SERVICE_WAIT_PROBE_H_
