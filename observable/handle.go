package observable

import "context"

// A Handle is a key that was looked up once. It is safe for concurrent use.
//
// After a Replace, a Handle calls the new handler. After a Remove, it returns an
// [*UnknownKeyError], which allocates nothing, for ever: if the key is registered again,
// that is a new entry with statistics of its own, and needs a new Handle.
type Handle entry

// Handle looks key up, so that calls need not. It returns an [*UnknownKeyError] if key is
// not registered.
func (m *Map) Handle(key string) (*Handle, error) {
	e, err := m.lookUp(key)
	return (*Handle)(e), err
}

// Call calls the handler of the key, as [Map.Call] does.
func (h *Handle) Call(ctx context.Context) error { return (*entry)(h).call(ctx) }

// Stats returns the statistics of the key, as [Map.Snapshot] does. After a Remove, calls
// that still run are counted, and From is empty.
func (h *Handle) Stats() Stats { return (*entry)(h).stats() }
