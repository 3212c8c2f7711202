package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// roundLimit is how long one connection may live: a server that hangs ends the workload, not the run.
const roundLimit = 10 * time.Minute

// skipFrom is the size in bytes from which the rest of a body is dropped in the kernel instead of being copied here.
const skipFrom = 4 << 10

var (
	errStatus   = errors.New("unexpected status")
	errProtocol = errors.New("answer not understood")
	errContent  = errors.New("wrong content")
)

// conn is a persistent HTTP/1.1 connection (RFC 9112), used by one goroutine. Load generator and server share the machine,
// so it does less than net/http: no goroutine of its own, no header map, no body that is looked at unless asked for.
type conn struct {
	host   string // HOST:PORT
	prefix string // before the names of all repositories: "hub/", or nothing
	source *conn  // where all goes that writes, if that is another registry
	tcp    *net.TCPConn
	in     *bufio.Reader
	out    []byte // the head of the request being sent
	gone   bool   // the server said that it closes
}

// answer is what the workloads need to know of a response.
type answer struct {
	status   int
	length   int64 // of the body in bytes; -1 as long as it is not known
	location string
	link     string
	chunked  bool
	closes   bool
}

func dial(t *target) (*conn, error) {
	c := &conn{host: t.host, prefix: t.prefix, in: bufio.NewReaderSize(nil, 16<<10)}
	if err := c.redial(); err != nil || t.source == nil {
		return c, err
	}
	var err error
	c.source, err = dial(t.source)
	return c, err
}

// origin is the connection to where things are pushed.
func (c *conn) origin() *conn {
	if c.source != nil {
		return c.source
	}
	return c
}

func (c *conn) redial() error {
	if c.tcp != nil {
		c.tcp.Close()
	}
	nc, err := net.DialTimeout("tcp", c.host, 10*time.Second)
	if err != nil {
		return err
	}
	c.tcp, c.gone = nc.(*net.TCPConn), false
	c.in.Reset(c.tcp)
	return c.tcp.SetDeadline(time.Now().Add(roundLimit))
}

// Close ends the connection. The error is of no use to anybody: every answer has been read.
func (c *conn) Close() {
	if c.tcp != nil {
		c.tcp.Close()
	}
	if c.source != nil {
		c.source.Close()
	}
}

// path is what to ask this server for to follow a Location or a Link, which may be a whole URL: a path as do takes it, without the prefix.
func (c *conn) path(location string) string {
	if _, rest, ok := strings.Cut(location, "://"); ok {
		location = rest[max(0, strings.IndexByte(rest, '/')):]
	}
	if rest, ok := strings.CutPrefix(location, "/v2/"+c.prefix); ok {
		return "/v2/" + rest
	}
	return location
}

// do sends a request and reads its answer, whose status must be want. Every line of header ends in CRLF.
// The answer's body goes to w; nil drops it. length is then the size of the body, or what a HEAD promised.
func (c *conn) do(want int, w io.Writer, method, path, header string, body ...[]byte) (answer, error) {
	a, err := c.exchange(w, method, path, header, body...)
	if err != nil {
		return a, fmt.Errorf("%s %.200s: %w", method, path, err)
	}
	if a.status != want {
		return a, fmt.Errorf("%w: %s %.200s: %d, want %d", errStatus, method, path, a.status, want)
	}
	return a, nil
}

func (c *conn) exchange(w io.Writer, method, path, header string, body ...[]byte) (answer, error) {
	if o := c.origin(); o != c && method != "GET" && method != "HEAD" {
		return o.exchange(w, method, path, header, body...)
	}
	if c.gone {
		if err := c.redial(); err != nil {
			return answer{}, err
		}
	}
	if err := c.send(method, path, header, body); err != nil {
		return answer{}, err
	}
	a, err := c.receive()
	if err != nil {
		return a, err
	}
	c.gone = a.closes
	if method == "HEAD" || a.status == 204 || a.status == 304 {
		return a, nil
	}
	a.length, err = c.body(w, a)
	return a, err
}

func (c *conn) send(method, path, header string, body [][]byte) error {
	size := 0
	for _, b := range body {
		size += len(b)
	}
	o := append(append(c.out[:0], method...), " /v2/"...)
	if path = strings.TrimPrefix(path, "/v2/"); !strings.HasPrefix(path, "_") { // the catalog is nobody's
		o = append(o, c.prefix...)
	}
	o = append(append(append(o, path...), " HTTP/1.1\r\nHost: "...), c.host...)
	o = append(append(o, "\r\n"...), header...)
	if method != "GET" && method != "HEAD" {
		o = strconv.AppendInt(append(o, "Content-Length: "...), int64(size), 10)
		o = append(o, "\r\n"...)
	}
	c.out = append(o, "\r\n"...)
	if size == 0 {
		_, err := c.tcp.Write(c.out)
		return err
	}
	bufs := append(net.Buffers{c.out}, body...)
	_, err := bufs.WriteTo(c.tcp)
	return err
}

// receive reads the head of the final answer.
func (c *conn) receive() (answer, error) {
	for {
		a, err := c.head()
		if err != nil || a.status >= 200 {
			return a, err
		}
	}
}

func (c *conn) head() (answer, error) {
	a := answer{length: -1}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return a, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return a, fmt.Errorf("%w: status line %.64q", errProtocol, line)
	}
	if a.status, err = strconv.Atoi(string(line[9:12])); err != nil {
		return a, fmt.Errorf("%w: status line %.64q", errProtocol, line)
	}
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return a, err
		}
		if len(line) <= 2 {
			return a, nil
		}
		a.note(line)
	}
}

// note keeps what a header line says, if it is one of the few that matter.
func (a *answer) note(line []byte) {
	i := 0
	for i < len(line) && line[i] != ':' {
		i++
	}
	if i == len(line) {
		return
	}
	value := func() string { return strings.TrimSpace(string(line[i+1:])) }
	switch key := line[:i]; {
	case is(key, "Content-Length"):
		a.length, _ = strconv.ParseInt(value(), 10, 64)
	case is(key, "Transfer-Encoding"):
		a.chunked = value() == "chunked"
	case is(key, "Connection"):
		a.closes = strings.EqualFold(value(), "close")
	case is(key, "Location"):
		a.location = value()
	case is(key, "Link"):
		a.link = value()
	}
}

func is(key []byte, name string) bool {
	return len(key) == len(name) && strings.EqualFold(string(key), name)
}

// body reads the body of a and returns its size.
func (c *conn) body(w io.Writer, a answer) (int64, error) {
	if !a.chunked {
		if a.length < 0 {
			return 0, fmt.Errorf("%w: a body without a length", errProtocol)
		}
		return a.length, c.take(w, a.length)
	}
	for sum := int64(0); ; {
		n, err := c.chunk()
		if err != nil || n == 0 {
			return sum, err
		}
		if err := c.take(w, n); err != nil {
			return sum, err
		}
		if _, err := c.in.Discard(2); err != nil {
			return sum, err
		}
		sum += n
	}
}

// chunk reads the size of the next chunk; behind the last one, of size 0, also the trailer (RFC 9112, 7.1).
func (c *conn) chunk() (int64, error) {
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	size, _, _ := strings.Cut(strings.TrimSpace(string(line)), ";")
	n, err := strconv.ParseInt(size, 16, 64)
	for err == nil && n == 0 && len(line) > 2 {
		line, err = c.in.ReadSlice('\n')
	}
	return n, err
}

// take hands n bytes of a body to w, or drops them.
func (c *conn) take(w io.Writer, n int64) error {
	if w != nil {
		_, err := io.CopyN(w, c.in, n)
		return err
	}
	held, err := c.in.Discard(int(min(n, int64(c.in.Buffered()))))
	if n -= int64(held); err == nil && n >= skipFrom {
		return skip(c.tcp, n)
	}
	if err == nil {
		_, err = c.in.Discard(int(n))
	}
	return err
}
