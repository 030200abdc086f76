/** A line under the search field. */
export interface Found {
  readonly kind: string;
  readonly title: string;
  readonly path: string;
}
