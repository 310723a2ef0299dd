#include "service/admin_server.h"

#include <boost/asio.hpp>
#include <thread>

#include "service/listening.h"

namespace recrypt {
namespace {

namespace asio = boost::asio;
using asio::redirect_error;
using asio::use_awaitable;
using asio::ip::tcp;
using boost::system::error_code;

constexpr size_t kMaxRequest = 8 * 1024;
constexpr int kMaxConnections = 64;
constexpr std::chrono::seconds kTimeForAll(10);
constexpr std::chrono::milliseconds kAcceptPause(50);

std::string_view PhraseOf(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

std::string TextOf(const HttpResponse& response) {
  std::string text = "HTTP/1.1 " + std::to_string(response.status) + " ";
  text.append(PhraseOf(response.status));
  text += "\r\nContent-Type: " + response.content_type +
          "\r\nContent-Length: " + std::to_string(response.body.size()) +
          "\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n";
  return text + response.body;
}

struct Connection {
  explicit Connection(tcp::socket from) : socket(std::move(from)), limit(socket.get_executor()) {}
  tcp::socket socket;
  asio::steady_timer limit;
};
using ConnectionPtr = std::shared_ptr<Connection>;

class AsioAdminServer : public AdminServer {
 public:
  explicit AsioAdminServer(Pages pages) : pages_(std::move(pages)), acceptor_(io_) {}
  ~AsioAdminServer() override {
    io_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status Open(const std::string& listen) {
    RECRYPT_ASSIGN(acceptor_, ListenOn(io_.get_executor(), listen));
    address_ = AddressOf(acceptor_);
    asio::co_spawn(io_, Accept(), asio::detached);
    thread_ = std::thread([this] { io_.run(); });
    return {};
  }

  std::string address() const override { return address_; }

 private:
  asio::awaitable<void> Accept();
  asio::awaitable<void> Serve(ConnectionPtr connection);
  HttpResponse Answer(std::string_view request) const;

  const Pages pages_;
  asio::io_context io_{1};
  tcp::acceptor acceptor_;
  int connections_ = 0;  // the thread's alone
  std::string address_;
  std::thread thread_;
};

asio::awaitable<void> AsioAdminServer::Accept() {
  for (;;) {
    error_code error;
    tcp::socket socket(io_);
    co_await acceptor_.async_accept(socket, redirect_error(use_awaitable, error));
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      asio::steady_timer pause(io_, kAcceptPause);
      co_await pause.async_wait(redirect_error(use_awaitable, error));
      continue;
    }
    if (connections_ >= kMaxConnections) continue;  // the socket closes
    ++connections_;
    auto connection = std::make_shared<Connection>(std::move(socket));
    asio::co_spawn(io_, Serve(connection), [this](const std::exception_ptr&) { --connections_; });
  }
}

asio::awaitable<void> AsioAdminServer::Serve(ConnectionPtr connection) {
  connection->limit.expires_after(kTimeForAll);
  connection->limit.async_wait([connection](const error_code& cancelled) {
    error_code ignored;
    if (!cancelled) connection->socket.close(ignored);
  });
  error_code error;
  std::string request;
  co_await asio::async_read_until(connection->socket, asio::dynamic_buffer(request, kMaxRequest),
                                  "\r\n\r\n", redirect_error(use_awaitable, error));
  if (!error) {
    const std::string answer = TextOf(Answer(request));
    co_await asio::async_write(connection->socket, asio::buffer(answer),
                               redirect_error(use_awaitable, error));
  }
  connection->limit.cancel();
  error_code ignored;
  connection->socket.shutdown(tcp::socket::shutdown_both, ignored);
}

HttpResponse AsioAdminServer::Answer(std::string_view request) const {
  const std::string_view line = request.substr(0, request.find("\r\n"));
  const size_t first = line.find(' ');
  const size_t second = line.rfind(' ');
  if (first == line.npos || second <= first || !line.substr(second + 1).starts_with("HTTP/1.")) {
    return PlainResponse(400, "not a request of HTTP/1\n");
  }
  if (line.substr(0, first) != "GET") return PlainResponse(405, "GET alone\n");
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const auto page = pages_.find(target.substr(0, target.find('?')));
  return page == pages_.end() ? PlainResponse(404, "there is no such page\n") : page->second();
}

}  // namespace

Result<std::unique_ptr<AdminServer>> AdminServer::Start(const std::string& listen, Pages pages) {
  auto server = std::make_unique<AsioAdminServer>(std::move(pages));
  RECRYPT_TRY(server->Open(listen));
  return std::unique_ptr<AdminServer>(std::move(server));
}

}  // namespace recrypt
