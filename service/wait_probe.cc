#include "service/wait_probe.h"

#include <algorithm>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace recrypt {
namespace {

namespace asio = boost::asio;
constexpr std::chrono::milliseconds kInterval(100);

}  // namespace

asio::awaitable<void> WaitProbe::Run(const std::atomic<bool>& stopping) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  while (!stopping) {
    timer.expires_after(kInterval);
    due_ = timer.expiry().time_since_epoch().count();
    boost::system::error_code ignored;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    last_ = SinceDue();
  }
}

int64_t WaitProbe::millis() const {
  // The timer that is due now may know better than the last one.
  const Clock::duration longest(std::max(last_.load(), SinceDue()));
  const auto millis = std::chrono::duration_cast<std::chrono::milliseconds>(longest).count();
  return std::max<int64_t>(millis, 0);
}

}  // namespace recrypt
