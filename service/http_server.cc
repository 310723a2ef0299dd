#include "service/http_server.h"

#include <atomic>
#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <unordered_set>
#include <vector>

#include "core/protocol/request_names.h"
#include "core/protocol/session.h"
#include "service/expected_reply.h"
#include "service/listening.h"
#include "service/tls_context.h"
#include "service/wait_probe.h"

namespace recrypt {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::redirect_error;
using asio::use_awaitable;
using boost::system::error_code;
using Stream = beast::ssl_stream<beast::tcp_stream>;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int kShutdownSeconds = 2;
constexpr milliseconds kShutdownWhenStopping{250};
constexpr size_t kDrainBytes = size_t{64} << 20;  // more than sockets hold on their way
constexpr milliseconds kAcceptPause{50};

// Empty when it has gone already.
std::string PeerOf(const asio::ip::tcp::socket& socket) {
  error_code gone;
  const auto endpoint = socket.remote_endpoint(gone);
  return gone ? std::string() : endpoint.address().to_string();
}

struct Connection {
  Connection(asio::ip::tcp::socket socket, asio::ssl::context& tls)
      : peer(PeerOf(socket)), stream(std::move(socket), tls) {}
  void ExpireAfter(int after_seconds) {
    beast::get_lowest_layer(stream).expires_after(seconds(after_seconds));
  }

  const std::string peer;
  Stream stream;
  beast::flat_buffer buffer;
  bool answering = false;  // on the connection's strand alone, as all else here
};
using ConnectionPtr = std::shared_ptr<Connection>;

// Which answer a request gets that could not be read; 0 for none, when the peer went away.
int StatusOfReadError(const error_code& error) {
  if (error == http::error::body_limit) return 413;
  if (error == http::error::header_limit) return 431;
  if (error == beast::error::timeout) return 408;
  if (error == http::error::end_of_stream || error == http::error::partial_message) return 0;
  return error.category() == make_error_code(http::error::bad_method).category() ? 400 : 0;
}

HttpRequest ToRequest(http::request<http::string_body>& message) {
  const auto field = [&](http::field name) { return std::string(message[name]); };
  HttpRequest request;
  request.method = std::string(message.method_string());
  request.target = std::string(message.target());
  request.host = field(http::field::host);
  request.content_type = field(http::field::content_type);
  request.authorization = field(http::field::authorization);
  request.body = std::move(message.body());
  return request;
}

struct CountedIn {
  explicit CountedIn(std::atomic<int>& among) : counter(among), before(among.fetch_add(1)) {}
  ~CountedIn() { counter.fetch_sub(1); }
  std::atomic<int>& counter;
  const int before;
};

class BeastServer : public HttpServer {
 public:
  BeastServer(const HttpServerOptions& options, HttpHandler handler)
      : options_(options),
        handler_(std::move(handler)),
        io_(options.threads),
        acceptor_(asio::make_strand(io_)),
        work_(asio::make_work_guard(io_)) {}
  ~BeastServer() override { Stop(); }

  Status Open();
  std::string address() const override { return address_; }
  HttpLoad load() const override;
  int64_t certificate_expires() const override;
  Status UseTls(const TlsFiles& files) override;
  void SetLimits(const HttpLimits& limits) override;
  void Stop() override;

 private:
  asio::awaitable<void> Accept();
  void Adopt(asio::ip::tcp::socket socket);
  asio::awaitable<void> Serve(ConnectionPtr connection);
  asio::awaitable<bool> ServeOne(Connection& connection);
  asio::awaitable<void> ReadRequest(Connection& connection,
                                    http::request_parser<http::string_body>& parser,
                                    error_code& error);
  bool IsOverloaded(int requests) const;
  asio::awaitable<HttpResponse> Call(HttpRequest& request);
  asio::awaitable<bool> Write(Connection& connection, HttpResponse response, bool keep_alive);
  asio::awaitable<void> Close(Connection& connection);
  void Forget(const ConnectionPtr& connection);

  const HttpServerOptions options_;
  const HttpHandler handler_;
  asio::io_context io_;
  asio::ip::tcp::acceptor acceptor_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
  std::string address_;
  std::atomic<bool> stopping_ = false;
  std::atomic<int> requests_ = 0;
  std::atomic<int> max_requests_ = 0;
  std::atomic<int> max_wait_millis_ = 0;
  WaitProbe probe_;
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable gone_;
  std::unordered_set<ConnectionPtr> connections_;
  TlsContext tls_;
  HttpLimits limits_;
};

Status BeastServer::UseTls(const TlsFiles& files) {
  RECRYPT_ASSIGN(TlsContext tls, LoadTlsContext(files));
  const std::lock_guard lock(mutex_);
  tls_ = std::move(tls);
  return {};
}

void BeastServer::SetLimits(const HttpLimits& limits) {
  max_requests_ = limits.max_requests;
  max_wait_millis_ = limits.max_wait_millis;
  const std::lock_guard lock(mutex_);
  limits_ = limits;
}

HttpLoad BeastServer::load() const {
  const std::lock_guard lock(mutex_);
  return {connections_.size(), static_cast<size_t>(requests_), probe_.millis()};
}

int64_t BeastServer::certificate_expires() const {
  const std::lock_guard lock(mutex_);
  return tls_.expires;
}

Status BeastServer::Open() {
  RECRYPT_TRY(UseTls(options_.tls));
  SetLimits(options_.limits);
  RECRYPT_ASSIGN(acceptor_, ListenOn(asio::make_strand(io_), options_.listen));
  address_ = AddressOf(acceptor_);
  asio::co_spawn(acceptor_.get_executor(), Accept(), asio::detached);
  asio::co_spawn(io_, probe_.Run(stopping_), asio::detached);
  for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { io_.run(); });
  return {};
}

asio::awaitable<void> BeastServer::Accept() {
  while (!stopping_) {
    error_code error;
    asio::ip::tcp::socket socket(asio::make_strand(io_));
    co_await acceptor_.async_accept(socket, redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted || stopping_) co_return;
    if (error) {
      // Out of descriptors, for one: those who wait are served when some are free again.
      asio::steady_timer pause(acceptor_.get_executor(), kAcceptPause);
      co_await pause.async_wait(redirect_error(use_awaitable, error));
      continue;
    }
    Adopt(std::move(socket));
  }
}

void BeastServer::Adopt(asio::ip::tcp::socket socket) {
  error_code ignored;
  socket.set_option(asio::ip::tcp::no_delay(true), ignored);
  ConnectionPtr connection;
  {
    const std::lock_guard lock(mutex_);
    // Too many: the socket closes with this scope.
    if (connections_.size() >= static_cast<size_t>(limits_.max_connections)) return;
    connection = std::make_shared<Connection>(std::move(socket), *tls_.context);
    connections_.insert(connection);
  }
  asio::co_spawn(connection->stream.get_executor(), Serve(connection),
                 [this, connection](const std::exception_ptr&) { Forget(connection); });
}

void BeastServer::Forget(const ConnectionPtr& connection) {
  const std::lock_guard lock(mutex_);
  connections_.erase(connection);
  gone_.notify_all();
}

asio::awaitable<void> BeastServer::Serve(ConnectionPtr connection) {
  error_code error;
  connection->ExpireAfter(options_.handshake_seconds);
  co_await connection->stream.async_handshake(asio::ssl::stream_base::server,
                                              redirect_error(use_awaitable, error));
  if (error) co_return;
  bool more = true;
  while (more && !stopping_) more = co_await ServeOne(*connection);
  co_await Close(*connection);
}

// Reads and answers one request. False when the connection is to be closed.
asio::awaitable<bool> BeastServer::ServeOne(Connection& connection) {
  error_code error;
  if (connection.buffer.size() == 0) {
    connection.ExpireAfter(options_.idle_seconds);
    const size_t got = co_await connection.stream.async_read_some(
        connection.buffer.prepare(4096), redirect_error(use_awaitable, error));
    if (error) co_return false;
    connection.buffer.commit(got);
  }
  connection.answering = true;
  http::request_parser<http::string_body> parser;
  co_await ReadRequest(connection, parser, error);
  if (error) {
    const int status = StatusOfReadError(error);
    if (status != 0) {
      options_.turned_away(status);
      co_await Write(connection, PlainResponse(status, "refused\n"), false);
    }
    co_return false;
  }
  const bool keep_alive = parser.get().keep_alive();
  HttpRequest request = ToRequest(parser.get());
  request.peer = connection.peer;
  HttpResponse response;
  {
    const CountedIn counted(requests_);
    if (IsOverloaded(counted.before)) {
      options_.turned_away(503);
      response = PlainResponse(503, "overloaded\n");
      response.retry_after_seconds = 1;
    } else {
      response = co_await Call(request);
    }
  }
  const bool written = co_await Write(connection, std::move(response), keep_alive && !stopping_);
  connection.answering = false;
  co_return written;
}

asio::awaitable<void> BeastServer::ReadRequest(Connection& connection,
                                               http::request_parser<http::string_body>& parser,
                                               error_code& error) {
  parser.header_limit(static_cast<uint32_t>(options_.max_header));
  parser.body_limit(options_.max_body);
  // Most requests are here as a whole: then nothing is waited for.
  parser.eager(true);
  connection.buffer.consume(parser.put(connection.buffer.data(), error));
  if (error == http::error::need_more) error.clear();
  if (error || parser.is_done()) co_return;
  connection.ExpireAfter(options_.header_seconds);
  if (!parser.is_header_done())
    co_await http::async_read_header(connection.stream, connection.buffer, parser,
                                     redirect_error(use_awaitable, error));
  if (error) co_return;
  connection.ExpireAfter(options_.body_seconds);
  if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
    static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
    co_await asio::async_write(connection.stream, asio::buffer(kContinue),
                               redirect_error(use_awaitable, error));
    if (error) co_return;
  }
  co_await http::async_read(connection.stream, connection.buffer, parser,
                            redirect_error(use_awaitable, error));
}

bool BeastServer::IsOverloaded(int requests) const {
  if (requests >= max_requests_) return true;
  const int longest = max_wait_millis_;
  return longest > 0 && probe_.millis() > longest;
}

asio::awaitable<HttpResponse> BeastServer::Call(HttpRequest& request) {
  const auto expected = std::make_shared<ExpectedReply>();
  handler_(std::move(request),
           [expected](HttpResponse response) { expected->Give(std::move(response)); });
  if (!expected->IsGiven()) {
    // It has a name since GCC 12 destroys captures of a temporary in a co_await twice.
    const auto initiate = [&expected](auto completion) {
      auto shared = std::make_shared<decltype(completion)>(std::move(completion));
      expected->WhenGiven([shared] {
        asio::post(asio::get_associated_executor(*shared), [shared] { (*shared)(); });
      });
    };
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(initiate, use_awaitable);
  }
  co_return expected->Take();
}

asio::awaitable<bool> BeastServer::Write(Connection& connection, HttpResponse response,
                                         bool keep_alive) {
  http::response<http::string_body> message(static_cast<http::status>(response.status), 11);
  message.set(http::field::content_type, response.content_type);
  message.set(http::field::cache_control, "no-store");
  if (!response.request_id.empty()) {
    message.set(beast::string_view(kRequestIdHeader.data(), kRequestIdHeader.size()),
                response.request_id);
  }
  if (!response.mac.empty()) {
    message.set(beast::string_view(kResponseMacHeader.data(), kResponseMacHeader.size()),
                response.mac);
  }
  if (response.retry_after_seconds > 0) {
    message.set(http::field::retry_after, std::to_string(response.retry_after_seconds));
  }
  message.keep_alive(keep_alive);
  message.body() = std::move(response.body);
  message.prepare_payload();
  error_code error;
  connection.ExpireAfter(options_.write_seconds);
  co_await http::async_write(connection.stream, message, redirect_error(use_awaitable, error));
  co_return !error && keep_alive;
}

// Says goodbye, and lets a peer that is still sending read the answer that it got: a socket closed
// with bytes unread would be reset, and the answer lost with it.
asio::awaitable<void> BeastServer::Close(Connection& connection) {
  error_code error;
  auto& lowest = beast::get_lowest_layer(connection.stream);
  if (!lowest.socket().is_open()) co_return;
  // Sends close_notify and waits for the peer's; undelivered application data ends the wait.
  lowest.expires_after(stopping_ ? kShutdownWhenStopping : milliseconds(kShutdownSeconds * 1000));
  co_await connection.stream.async_shutdown(redirect_error(use_awaitable, error));
  if (!lowest.socket().is_open() || stopping_) co_return;
  error_code ignored;
  lowest.socket().shutdown(asio::socket_base::shutdown_send, ignored);
  std::vector<char> scratch(16 * 1024);
  connection.ExpireAfter(kShutdownSeconds);
  error.clear();  // the shutdown's: it fails just when there is something to drain
  for (size_t drained = 0; drained < kDrainBytes && !error;) {
    drained += co_await lowest.async_read_some(asio::buffer(scratch),
                                               redirect_error(use_awaitable, error));
  }
}

void BeastServer::Stop() {
  if (stopping_.exchange(true)) return;
  asio::post(acceptor_.get_executor(), [this] {
    error_code ignored;
    acceptor_.close(ignored);
  });
  std::unique_lock lock(mutex_);
  for (const ConnectionPtr& connection : connections_) {
    asio::post(connection->stream.get_executor(), [connection] {
      if (!connection->answering) beast::get_lowest_layer(connection->stream).cancel();
    });
  }
  gone_.wait_for(lock, seconds(limits_.stop_seconds), [this] { return connections_.empty(); });
  lock.unlock();
  work_.reset();
  io_.stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                      HttpHandler handler) {
  auto server = std::make_unique<BeastServer>(options, std::move(handler));
  RECRYPT_TRY(server->Open());
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace recrypt
