#include "cli/console/web_server.h"

#include <atomic>
#include <boost/asio.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace recrypt {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::seconds;

constexpr size_t kWorkers = 4;
constexpr int kMaxConnections = 64;
constexpr int kPortsToTry = 8;
constexpr seconds kReadTime{10};
constexpr seconds kWriteTime{10};
constexpr seconds kDrainTime{1};
constexpr seconds kStopTime{3};
constexpr size_t kDrainBytes = size_t{1} << 20;

Result<tcp::acceptor> ListenOn(asio::io_context& io, const char* address, uint16_t port) {
  error_code error;
  const tcp::endpoint endpoint(asio::ip::make_address(address), port);
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  // `::1` is itself alone, whatever the system thinks of addresses that map to it.
  if (!error && endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(true), error);
  }
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (!error) return acceptor;
  const ErrorCode code =
      error == asio::error::address_in_use ? ErrorCode::kBusy : ErrorCode::kUnavailable;
  return Fail(code, "listening on " + std::string(address) + ", port " + std::to_string(port) +
                        ": " + error.message());
}

// Which answer a request gets that could not be read; 0 for none, when the peer went away.
int StatusOfReadError(const error_code& error) {
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit) return 431;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  return error.category() == make_error_code(http::error::bad_method).category() ? 400 : 0;
}

WebRequest ToRequest(const http::request<http::string_body>& message) {
  const auto field = [&message](beast::string_view name) {
    return message.count(name) == 1 ? std::string(message[name]) : std::string();
  };
  return {std::string(message.method_string()),
          std::string(message.target()),
          field("Host"),
          field("Origin"),
          field("Sec-Fetch-Site"),
          field("Cookie"),
          field("Content-Type"),
          message.body()};
}

http::response<http::string_body> ToMessage(WebResponse response) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
  const auto set = [&message](beast::string_view name, std::string_view value) {
    if (!value.empty()) message.set(name, beast::string_view(value.data(), value.size()));
  };
  set("Content-Type", response.content_type);
  set("Location", response.location);
  set("Set-Cookie", response.set_cookie);
  for (const auto& [name, value] : ProtectiveHeaders()) set({name.data(), name.size()}, value);
  message.keep_alive(false);
  message.body() = std::move(response.body);
  message.prepare_payload();
  return message;
}

class LoopbackServer : public WebServer {
 public:
  LoopbackServer() : workers_(kWorkers) {}
  ~LoopbackServer() override { Stop(); }

  Status Open(uint16_t port);
  uint16_t port() const override { return port_; }
  void Serve(WebHandler handler) override;
  void Stop() override;

 private:
  Status ListenOnBoth(uint16_t port);
  asio::awaitable<void> Accept(tcp::acceptor& acceptor);
  asio::awaitable<void> ServeOne(tcp::socket socket);
  asio::awaitable<WebResponse> Answer(beast::tcp_stream& stream);
  void Leave();

  WebHandler handler_;
  uint16_t port_ = 0;
  asio::io_context io_{1};
  asio::thread_pool workers_;
  std::vector<tcp::acceptor> acceptors_;
  std::thread thread_;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards what follows
  std::condition_variable gone_;
  int connections_ = 0;
};

// Somebody else on the machine could take the other address of the port, and be what `localhost`
// means to the browser.
Status LoopbackServer::ListenOnBoth(uint16_t port) {
  acceptors_.clear();
  RECRYPT_ASSIGN(tcp::acceptor v4, ListenOn(io_, "127.0.0.1", port));
  error_code error;
  port_ = v4.local_endpoint(error).port();
  acceptors_.push_back(std::move(v4));
  auto v6 = ListenOn(io_, "::1", port_);
  if (v6) acceptors_.push_back(std::move(*v6));
  if (!v6 && v6.error().code == ErrorCode::kBusy) return Fail(std::move(v6.error()));
  return {};
}

Status LoopbackServer::Open(uint16_t port) {
  Status listening = ListenOnBoth(port);
  for (int i = 1; !listening && port == 0 && i < kPortsToTry; ++i) listening = ListenOnBoth(port);
  return listening;
}

void LoopbackServer::Serve(WebHandler handler) {
  handler_ = std::move(handler);
  for (tcp::acceptor& one : acceptors_) asio::co_spawn(io_, Accept(one), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

asio::awaitable<void> LoopbackServer::Accept(tcp::acceptor& acceptor) {
  while (!stopping_) {
    error_code error;
    tcp::socket socket(io_);
    co_await acceptor.async_accept(socket, redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted || stopping_) co_return;
    if (error) {
      // Out of descriptors, for one: those who wait are served when some are free again.
      asio::steady_timer pause(io_, std::chrono::milliseconds(50));
      co_await pause.async_wait(redirect_error(use_awaitable, error));
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      if (connections_ >= kMaxConnections) continue;  // too many: the socket closes here
      ++connections_;
    }
    asio::co_spawn(io_, ServeOne(std::move(socket)),
                   [this](const std::exception_ptr&) { Leave(); });
  }
}

void LoopbackServer::Leave() {
  const std::lock_guard lock(mutex_);
  --connections_;
  gone_.notify_all();
}

// Reads a request and has it answered. A status of 0: the peer has gone.
asio::awaitable<WebResponse> LoopbackServer::Answer(beast::tcp_stream& stream) {
  error_code error;
  beast::flat_buffer buffer;
  http::request_parser<http::string_body> parser;
  parser.header_limit(kMaxWebHeader);
  parser.body_limit(kMaxWebBody);
  stream.expires_after(kReadTime);
  co_await http::async_read(stream, buffer, parser, redirect_error(use_awaitable, error));
  WebResponse response;
  if (error) {
    response.status = StatusOfReadError(error);
    response.content_type = "text/plain";
    response.body = "This request is refused: it is too large, or none that a browser makes.\n";
    co_return response;
  }
  const WebRequest request = ToRequest(parser.get());
  // It has a name since GCC 12 destroys captures of a temporary in a co_await twice.
  const auto work = [this, &request]() -> asio::awaitable<WebResponse> {
    co_return handler_(request);
  };
  co_return co_await asio::co_spawn(workers_, work, use_awaitable);
}

asio::awaitable<void> LoopbackServer::ServeOne(tcp::socket socket) {
  error_code error;
  beast::tcp_stream stream(std::move(socket));
  WebResponse response = co_await Answer(stream);
  if (response.status == 0) co_return;
  const auto message = ToMessage(std::move(response));
  stream.expires_after(kWriteTime);
  co_await http::async_write(stream, message, redirect_error(use_awaitable, error));
  // A socket that is closed with bytes unread is reset, and the answer lost with it.
  stream.socket().shutdown(tcp::socket::shutdown_send, error);
  std::vector<char> scratch(4096);
  stream.expires_after(kDrainTime);
  error.clear();
  for (size_t drained = 0; drained < kDrainBytes && !error;) {
    drained += co_await stream.async_read_some(asio::buffer(scratch),
                                               redirect_error(use_awaitable, error));
  }
}

void LoopbackServer::Stop() {
  if (stopping_.exchange(true)) return;
  asio::post(io_, [this] {
    error_code ignored;
    for (tcp::acceptor& one : acceptors_) one.close(ignored);
  });
  {
    std::unique_lock lock(mutex_);
    gone_.wait_for(lock, kStopTime, [this] { return connections_ == 0; });
  }
  workers_.join();
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

}  // namespace

Result<std::unique_ptr<WebServer>> WebServer::Listen(uint16_t port) {
  auto server = std::make_unique<LoopbackServer>();
  RECRYPT_TRY(server->Open(port));
  return std::unique_ptr<WebServer>(std::move(server));
}

}  // namespace recrypt
