/** How a view presents itself: shared by server and pages. */
export interface Manifest {
  readonly name: string;
  readonly title: string;
  /** Place in the menu, from 0; undefined for a view that is reached by links alone. */
  readonly order?: number;
  /** Addresses of its pages, in the order in which they are tried; `:name` stands for one part. */
  readonly paths: readonly string[];
}
